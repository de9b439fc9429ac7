package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A source is a Python file, or one that could not be read.
type source struct {
	file string
	src  []byte
	path string // its package, such as "treq.test", as the folders with an __init__.py tell
	err  error
}

// most is the size of the largest file that is read.
const most = 256 << 20

// sources calls visit with each file that args name, and with each *.py in the folders that they
// name.
func sources(args []string, visit func(source)) {
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err == nil && info.IsDir() {
			walk(arg, visit)
			continue
		}
		visit(read(arg))
	}
}

// walk visits the files in a folder and in those below it. It does not follow links to folders,
// which may lead in circles.
func walk(folder string, visit func(source)) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		visit(source{file: folder, err: err})
	}
	for _, entry := range entries {
		switch file := filepath.Join(folder, entry.Name()); {
		case entry.IsDir():
			walk(file, visit)
		case strings.EqualFold(filepath.Ext(file), ".py"):
			if info, err := os.Stat(file); err == nil && info.IsDir() {
				continue
			}
			visit(read(file))
		}
	}
}

// read reads a file, unless it surely is no Python.
func read(file string) source {
	s := source{file: file, path: packageOf(file)}
	info, err := os.Stat(file)
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("it is %s, not a file", kindOf(info.Mode()))
	case info.Size() > most:
		err = fmt.Errorf("%d bytes are too many", info.Size())
	default:
		s.src, err = readAll(file)
	}
	if err == nil && bytes.IndexByte(s.src[:min(len(s.src), 4096)], 0) >= 0 {
		err = errors.New("it has NUL bytes: it is no Python, or not in an encoding of Python's, such as UTF-8")
	}
	s.err = err
	return s
}

// readAll is os.ReadFile for a file that may grow.
func readAll(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	default:
		return "a device"
	}
}

// packageOf returns the package of a file.
func packageOf(file string) string {
	file, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	var parts []string
	for folder := filepath.Dir(file); ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "__init__.py")); err != nil || folder == filepath.Dir(folder) {
			return strings.Join(parts, ".")
		}
		parts = append([]string{filepath.Base(folder)}, parts...)
	}
}
