package examples_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTerminal: on a terminal, a progress bar grows.
func TestTerminal(t *testing.T) {
	for _, program := range []string{"download_file", "upload"} {
		t.Run(program, func(t *testing.T) {
			master, slave := terminal(t)
			cmd := command(program)
			cmd.Stdout, cmd.Stderr = slave, os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			slave.Close()
			shown, _ := io.ReadAll(master) // the end of a terminal is an error
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			says(t, string(shown), "\r[#", "\r["+strings.Repeat("#", 50)+"] 100%\r\n")
		})
	}
}

// terminal returns the two ends of a terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
