package main

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"path"
	"time"
)

// writeArchive writes a gzipped tar of files, with their folders, below a name. Files belong to nobody's number 0.
func writeArchive(w io.Writer, files []file, below string, at time.Time) error {
	packed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	folders := map[string]bool{}
	var folder func(name string) error
	folder = func(name string) error {
		if name == "." || folders[name] {
			return nil
		}
		if err := folder(path.Dir(name)); err != nil {
			return err
		}
		folders[name] = true
		return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: at,
			Format: tar.FormatUSTAR})
	}
	for _, f := range files {
		name := path.Join(below, f.name)
		if err := folder(path.Dir(name)); err != nil {
			return err
		}
		size, err := f.size()
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size,
			Mode: int64(f.mode()), ModTime: at, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if err := f.copyTo(archive); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return packed.Close()
}
