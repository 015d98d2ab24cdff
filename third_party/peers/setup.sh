# Sourced by the bench-*.sh: the peers, installed once into the cache
# folder. Sets PEERS, PYTHON, LLAMA (folder of libllama, empty without npm) and SMOLLM2. OpenVINO and vLLM, which
# bench-peers.sh alone asks for, come by peers/serving.sh.
. third_party/env.sh
PEERS="$STELE_CACHE/peers"
PYTHON="$PEERS/venv/bin/python"
PEER_PACKAGES="torch==2.15.0 transformers==5.24.0 trl==1.16.0 gguf==0.19.0"
export NODE_LLAMA_CPP=3.21.1
mkdir -p "$PEERS"

if [ "$(cat "$PEERS/stamp" 2>/dev/null)" != "$PEER_PACKAGES" ]; then
  command -v python3 >/dev/null || { echo "python3 is missing: the peers need it (Debian: apt-get install python3-venv)" >&2; exit 1; }
  echo "Installing $PEER_PACKAGES (once; about 6 GB, the CUDA libraries that torch asks for included)" >&2
  [ -x "$PYTHON" ] || python3 -m venv "$PEERS/venv"
  "$PYTHON" -m pip install --quiet --no-cache-dir --disable-pip-version-check $PEER_PACKAGES
  echo "$PEER_PACKAGES" > "$PEERS/stamp"
fi

LLAMA="$PEERS/llama.cpp-$NODE_LLAMA_CPP/package/bins/linux-x64"
if [ ! -e "$LLAMA/libggml-base.so" ]; then
  if command -v npm >/dev/null && [ "$(uname -sm)" = "Linux x86_64" ]; then
    echo "Fetching llama.cpp as built for node-llama-cpp $NODE_LLAMA_CPP (once, 10 MB)" >&2
    folder="$PEERS/llama.cpp-$NODE_LLAMA_CPP"
    rm -rf "$folder.part"; mkdir -p "$folder.part"
    (cd "$folder.part" && npm pack --silent "@node-llama-cpp/linux-x64@$NODE_LLAMA_CPP" >/dev/null && tar xzf ./*.tgz && rm ./*.tgz)
    rm -rf "$folder"; mv "$folder.part" "$folder"
  else
    echo "llama.cpp is left out: its build comes by npm, for Linux on x86-64 (Debian: apt-get install npm)" >&2
    LLAMA=
  fi
fi

if [ -z "${SMOLLM2:-}" ]; then
  SMOLLM2="$PEERS/models/smollm2"
  if [ ! -s "$SMOLLM2/model.safetensors" ]; then
    maker=../shared/models/get-smollm2
    [ -e "$maker" ] || { echo "SmolLM2-135M-Instruct is missing: set SMOLLM2 to its Hugging Face folder" >&2; exit 1; }
    echo "Making SmolLM2-135M-Instruct (once, a minute)" >&2
    python3 "$maker" "$SMOLLM2.part" >/dev/null
    rm -rf "$SMOLLM2"; mv "$SMOLLM2.part" "$SMOLLM2"
  fi
fi
[ -s "$SMOLLM2/model.safetensors" ] || { echo "$SMOLLM2/model.safetensors is missing: set SMOLLM2 to a Hugging Face folder of SmolLM2-135M" >&2; exit 1; }
