#!/usr/bin/env bash
# Makes the fonts of this folder anew, from Debian and npm, with Python's fonttools
# and brotli.   usage: subset.sh EMPTY-FOLDER
set -euo pipefail
out=$(cd "$(dirname "$0")" && pwd)
cd "$1"
apt-get download fonts-noto-core
dpkg-deb -x fonts-noto-core_*.deb noto
npm install --silent --prefix npm @fontsource/noto-sans-jp
python3 -m venv venv
venv/bin/pip install -q fonttools brotli
noto=noto/usr/share/fonts/truetype/noto
latin="U+0020-007E,U+00A0-017F,U+0192,U+02C6-02DD,U+0300-0304,U+0308,U+0391-03A9,U+03B1-03C9,U+0400-045F,U+2010-2015,U+2018-201E,U+2020-2022,U+2026,U+2030,U+2032,U+2070-208E,U+20AC"
signs="U+2190-2193,U+2206,U+2211,U+2212,U+2215,U+221A,U+221E,U+2248,U+2260,U+2264,U+2265,U+25CA"
subset() { # source, name, what to keep
  venv/bin/pyftsubset "$1" "$3" --no-hinting --layout-features="$4" --output-file="$2.tmp"
  # Fonts from npm are compressed; the program reads plain ones.
  venv/bin/python -c 'import sys; from fontTools.ttLib import TTFont; f = TTFont(sys.argv[1]); f.flavor = None; f.save(sys.argv[2])' "$2.tmp" "$out/$2.ttf"
}
for weight in Regular Bold; do
  number=400; [ $weight = Bold ] && number=700
  subset "$noto/NotoSans-$weight.ttf" "Latin-$weight" "--unicodes=$latin" kern,liga,mark,mkmk,ccmp,locl,tnum
  subset "$noto/NotoSansMath-Regular.ttf" "Signs-$weight" "--unicodes=$signs" ''
  subset "$noto/NotoSansBengali-$weight.ttf" "Bengali-$weight" --text=বাংলা '*'
  subset "$noto/NotoSansThai-$weight.ttf" "Thai-$weight" --text=ไทย '*'
  subset "$noto/NotoSansTelugu-$weight.ttf" "Telugu-$weight" --text=తెలుగు '*'
  subset "npm/node_modules/@fontsource/noto-sans-jp/files/noto-sans-jp-japanese-$number-normal.woff2" "CJK-$weight" --text=中文日本語 ''
done
