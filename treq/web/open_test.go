package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestAFileThatIsReplacedWhileItIsOpened checks that the size of a response is the size of
// the opened file, if another file had the name just before.
func TestAFileThatIsReplacedWhileItIsOpened(t *testing.T) {
	dir := t.TempDir()
	before, after := filepath.Join(dir, "before"), filepath.Join(dir, "after")
	if err := os.WriteFile(before, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(after, []byte("the one after it"), 0o600); err != nil {
		t.Fatal(err)
	}
	stat := func(string) (fs.FileInfo, error) { return os.Stat(before) }
	open := func(string) (*os.File, error) { return os.Open(after) }
	file, info, err := openRegular(stat, open, "name")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if info.Size() != 16 {
		t.Errorf("the size is %d", info.Size())
	}
}
