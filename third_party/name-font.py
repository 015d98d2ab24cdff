#!/usr/bin/env python3
"""Makes eval/report/testdata/arabic.ttf, the letters of an Arabic name out of DejaVu Sans
(Debian's fonts-dejavu-core), and prints what HarfBuzz makes of the name.

usage: name-font.py DejaVuSans.ttf OUT.ttf    needs fonttools and uharfbuzz
"""
import sys

import uharfbuzz
from fontTools import subset

NAME = "العربية"

options = subset.Options(layout_features=["init", "medi", "fina", "isol", "rlig", "liga", "ccmp"], hinting=False, notdef_outline=True)
font = subset.load_font(sys.argv[1], options)
letters = subset.Subsetter(options)
letters.populate(text=NAME)
letters.subset(font)
subset.save_font(font, sys.argv[2], options)

face = uharfbuzz.Face(open(sys.argv[2], "rb").read())
buffer = uharfbuzz.Buffer()
buffer.add_str(NAME)
buffer.guess_segment_properties()
uharfbuzz.shape(uharfbuzz.Font(face), buffer)
width = sum(p.x_advance for p in buffer.glyph_positions) * 1000 / face.upem
print(buffer.direction, [g.codepoint for g in buffer.glyph_infos], round(width, 2))
