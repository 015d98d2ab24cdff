# Sourced after setup.sh: peers with continuous batching, each in an environment of its own, since
# they ask for other versions of transformers. Sets OPENVINO and VLLM, a Python each, or empty.
export OPENVINO_GENAI="openvino-genai==2026.4.1.0"
OPENVINO_PACKAGES="openvino==2026.4.1 $OPENVINO_GENAI optimum-intel==2.2.0 nncf==3.4.0 transformers==5.5.4 datasets==4.8.5"
OPENVINO="$PEERS/openvino/bin/python"
if [ "$(cat "$PEERS/openvino/stamp" 2>/dev/null)" != "$OPENVINO_PACKAGES" ]; then
  echo "Installing $OPENVINO_PACKAGES (once; 1 GB)" >&2
  rm -rf "$PEERS/openvino"
  python3 -m venv "$PEERS/openvino"
  # optimum-intel needs torch to convert: the peers' own, which is looked up after this environment's packages.
  "$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$("$OPENVINO" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/peers.pth"
  "$OPENVINO" -m pip install --quiet --no-cache-dir --disable-pip-version-check $OPENVINO_PACKAGES 2>&1 \
    | grep -v -e "dependency resolver" -e "which is incompatible" >&2 || true
  "$OPENVINO" -c 'import openvino_genai, optimum.intel' 2>/dev/null || { echo "$OPENVINO: OpenVINO GenAI does not import" >&2; exit 1; }
  echo "$OPENVINO_PACKAGES" > "$PEERS/openvino/stamp"
fi
# vLLM's build for CPUs is on no registry that pip knows: VLLM is the Python of an environment that has it.
VLLM="${VLLM:-}"
