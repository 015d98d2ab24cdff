package main

import (
	"archive/zip"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// wheel is a Python wheel, in the binary distribution format of the packaging specifications. It holds no Python.
type wheel struct {
	version, platform string
	files             []file // but for RECORD, in the order in which they are written
}

// versions are those that a wheel's name may have, normalised.
var versions = regexp.MustCompile(`^\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?$`)

// documents is where an installed Stele has what is to be read, below its prefix.
const documents = "share/doc/stele"

func newWheel(prefix, version, platform string) (*wheel, error) {
	if !versions.MatchString(version) {
		return nil, fmt.Errorf("%q is no version of a wheel, such as 1.2.0 or 1.2.0.dev3+g012abc", version)
	}
	installed, err := filesOf(prefix)
	if err != nil {
		return nil, err
	}
	w := &wheel{version: version, platform: platform}
	var licences []file
	for _, f := range installed {
		first, rest, _ := strings.Cut(f.name, "/")
		switch {
		case first == "bin":
			f.name = path.Join(w.stem()+".data", "scripts", rest)
		case path.Dir(f.name) == path.Join(documents, "licences"):
			licence := f
			licence.name = path.Join(w.info(), "licenses", path.Base(f.name))
			licences = append(licences, licence)
			continue
		default:
			f.name = path.Join(w.stem()+".data", "data", f.name)
		}
		w.files = append(w.files, f)
	}
	readme, err := os.ReadFile(filepath.Join(prefix, documents, "README.md"))
	if err != nil {
		return nil, err
	}
	w.files = append(w.files, licences...)
	w.files = append(w.files, file{name: path.Join(w.info(), "METADATA"), data: w.metadata(licences, string(readme))},
		file{name: path.Join(w.info(), "WHEEL"), data: fmt.Appendf(nil, "Wheel-Version: 1.0\nGenerator: stele\n"+
			"Root-Is-Purelib: false\nTag: py3-none-%s\n", platform)})
	return w, nil
}

func (w *wheel) stem() string { return "stele-" + w.version }

func (w *wheel) info() string { return w.stem() + ".dist-info" }

func (w *wheel) name() string { return fmt.Sprintf("%s-py3-none-%s.whl", w.stem(), w.platform) }

func (w *wheel) metadata(licences []file, readme string) []byte {
	b := []byte("Metadata-Version: 2.4\nName: stele\nVersion: " + w.version + `
Summary: Sample from a Hugging Face checkpoint, train it with GRPO, measure how its reasoning crosses languages
Project-URL: Source, https://github.com/stele-lm/stele
Keywords: llm,grpo,reinforcement-learning,multilingual,evaluation
Classifier: Environment :: Console
Classifier: Intended Audience :: Science/Research
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Go
Classifier: Topic :: Scientific/Engineering :: Artificial Intelligence
Requires-Python: >=3.8
`)
	for _, licence := range licences {
		b = fmt.Appendf(b, "License-File: %s\n", path.Base(licence.name))
	}
	return fmt.Appendf(b, "Description-Content-Type: text/markdown\n\n%s", readme)
}

// write writes the wheel, and as its last file the record of what is in it.
func (w *wheel) write(out io.Writer, at time.Time) error {
	archive := zip.NewWriter(out)
	archive.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(to, flate.BestCompression)
	})
	var record strings.Builder
	add := func(f file) error {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
		header.SetMode(f.mode())
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		sum := sha256.New()
		if err := f.copyTo(io.MultiWriter(entry, sum)); err != nil {
			return err
		}
		size, err := f.size()
		if err != nil {
			return err
		}
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum.Sum(nil)), size)
		return nil
	}
	for _, f := range w.files {
		if strings.ContainsAny(f.name, ",\"\n") {
			return fmt.Errorf("%q cannot be in a wheel's record", f.name)
		}
		if err := add(f); err != nil {
			return err
		}
	}
	list := path.Join(w.info(), "RECORD")
	if err := add(file{name: list, data: []byte(record.String() + list + ",,\n")}); err != nil {
		return err
	}
	return archive.Close()
}
