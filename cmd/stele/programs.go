package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/stele-lm/stele/internal/diskcache"
	"github.com/stele-lm/stele/kernels/backend"
)

// Environment variables that say where compiled programs are kept between processes, and how much of them.
const (
	programsSetting = "STELE_PROGRAMS"       // a folder, or off
	programsLimit   = "STELE_PROGRAMS_LIMIT" // a size as in 2GiB
)

const defaultProgramsLimit = 2 << 30

// programs is where compiled programs are kept; no folder for nowhere.
type programs struct {
	folder string
	limit  int64
}

// readPrograms reads the settings of the environment.
func readPrograms() (p programs, err error) {
	p = programs{os.Getenv(programsSetting), defaultProgramsLimit}
	if size := os.Getenv(programsLimit); size != "" {
		if p.limit, err = parseBytes(size); err != nil {
			return p, fmt.Errorf("%s: %w", programsLimit, err)
		}
	}
	switch {
	case strings.EqualFold(p.folder, "off"):
		return programs{limit: p.limit}, nil
	case p.folder != "" && !strings.ContainsRune(p.folder, filepath.Separator):
		return p, fmt.Errorf("%s is %q: expected off, or a folder's path with a %c in it", programsSetting, p.folder,
			filepath.Separator)
	case p.folder == "":
		cache, err := os.UserCacheDir()
		if err != nil {
			return programs{}, nil // no home: nothing is kept
		}
		p.folder = filepath.Join(cache, "stele", "programs")
		return p, nil
	}
	if p.folder, err = filepath.Abs(p.folder); err != nil {
		return p, fmt.Errorf("%s: %w", programsSetting, err)
	}
	return p, nil
}

// keepPrograms has compiled programs kept as the environment says.
func keepPrograms(say io.Writer) error {
	p, err := readPrograms()
	if err == nil && p.folder != "" {
		backend.KeepPrograms(p.folder, p.limit, say)
	}
	return err
}

// programsState is what stele doctor says of compiled programs.
type programsState struct {
	Folder string `json:"folder,omitempty"` // empty where none are kept
	Count  int    `json:"count"`
	Bytes  int64  `json:"bytes"`
	Limit  int64  `json:"limit_bytes"`
	Error  string `json:"error,omitempty"` // why the folder is not used
}

func diagnosePrograms() programsState {
	p, err := readPrograms()
	s := programsState{Folder: p.folder, Limit: p.limit}
	if err == nil && p.folder != "" {
		s.Count, s.Bytes, err = diskcache.Usage(p.folder, backend.KeptSuffix)
	}
	if err != nil {
		s.Error = err.Error()
	}
	return s
}

func (s programsState) String() string {
	switch {
	case s.Error != "":
		return "not kept: " + s.Error
	case s.Folder == "":
		return "not kept: " + programsSetting + " is off, or there is no cache folder"
	}
	return fmt.Sprintf("%d kept in %s, %s of at most %s", s.Count, s.Folder, binarySize(s.Bytes),
		binarySize(s.Limit))
}
