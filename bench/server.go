package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"golang.org/x/sys/unix"
)

// This file has the server: one thread on epoll, and goroutines for TLS.

// addresses are the addresses of a server, which its process prints.
type addresses struct{ Plain, TLS string }

// A server is a server process.
type server struct {
	addresses
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *json.Decoder
}

// startServer starts a server process on core.
func startServer(core int, role string, arguments ...string) (*server, error) {
	s := &server{cmd: self(role, arguments...)}
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = json.NewDecoder(out)
	if err := startOn(s.cmd, core); err != nil {
		return nil, err
	}
	return s, s.out.Decode(&s.addresses)
}

// used asks a server under wrk for the resources that it has used.
func (s *server) used() (r result, err error) {
	if _, err = fmt.Fprintln(s.stdin); err == nil {
		err = s.out.Decode(&r)
	}
	return r, err
}

func (s *server) stop() {
	s.stdin.Close()
	s.cmd.Wait()
}

// serverMain is the main function of the server process. It writes its certificate to the
// file roots.
func serverMain(roots string) error {
	raiseFiles()
	certificate, _ := testcert.New("127.0.0.1")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := os.WriteFile(roots, text, 0o600); err != nil {
		return err
	}
	secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate},
		NextProtos:   []string{"h2", "http/1.1"},
		// Each new connection needs a full handshake.
		SessionTicketsDisabled: true,
	})
	if err != nil {
		return err
	}
	go serveTLS(secure)
	l, address, err := listenEpoll()
	if err != nil {
		return err
	}
	go l.serve()
	json.NewEncoder(os.Stdout).Encode(addresses{address, secure.Addr().String()})
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// untilEOF answers each line of standard input with the resources that the process has used.
func untilEOF() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		s := new(meter).take()
		json.NewEncoder(os.Stdout).Encode(result{CPU: s.cpu, Mallocs: s.mallocs, AllocBytes: s.allocBytes})
	}
}

func serveTLS(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			fail(err)
		}
		go func() {
			defer c.Close()
			var talk conversation
			var frames *frameConversation
			buffer := make([]byte, 16<<10)
			for more := true; more; {
				n, err := c.Read(buffer)
				if err != nil {
					return
				}
				if frames != nil {
					frames.serve(buffer[:n], c)
					continue
				}
				if rest, ok := bytes.CutPrefix(buffer[:n], preface); ok {
					frames = newFrameConversation()
					frames.serve(rest, c)
					continue
				}
				talk.take(buffer[:n], func(a answer) {
					c.Write(a.bytes)
					for ; a.zeros > 0; a.zeros -= min(a.zeros, mib) {
						c.Write(nothing[:min(a.zeros, mib)])
					}
					more = more && !a.close
				})
			}
		}()
	}
}

// nothing is a block of zeros.
var nothing = make([]byte, mib)

// An epollServer serves the answers on one thread.
type epollServer struct {
	epoll, listener int
	connections     []*epollConn // by descriptor
	buffer          []byte
}

// An epollConn is a connection of an epollServer.
type epollConn struct {
	conversation
	fd      int
	pending []answer           // not completely sent
	blocked bool               // waiting until the socket accepts more
	frames  *frameConversation // nil: HTTP/1.1
	sent    int                // of frames.out
}

func listenEpoll() (*epollServer, string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, "", err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, "", err
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return nil, "", err
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return nil, "", err
	}
	s := &epollServer{listener: fd, buffer: make([]byte, readSize)}
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, "", err
	}
	s.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
	return s, fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port), nil
}

func (s *epollServer) watch(op, fd int, events uint32) {
	if err := unix.EpollCtl(s.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		fail(err)
	}
}

func (s *epollServer) serve() {
	events := make([]unix.EpollEvent, 1024)
	for {
		n, err := epollWait(s.epoll, events)
		if err != nil {
			fail(err)
		}
		for _, e := range events[:n] {
			fd := int(e.Fd)
			if fd == s.listener {
				s.accept()
				continue
			}
			c := s.connections[fd]
			if c == nil {
				continue
			}
			if e.Events&unix.EPOLLOUT != 0 {
				s.send(c)
			}
			if e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 && s.connections[fd] == c {
				s.read(c)
			}
		}
	}
}

func (s *epollServer) accept() {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		for fd >= len(s.connections) {
			s.connections = append(s.connections, nil)
		}
		s.connections[fd] = &epollConn{fd: fd}
		s.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
	}
}

func (s *epollServer) read(c *epollConn) {
	n, err := read(c.fd, s.buffer[:min(int64(len(s.buffer)), max(rawAtMost, c.left))])
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return
	}
	if n <= 0 {
		s.close(c)
		return
	}
	if c.frames != nil {
		c.frames.take(s.buffer[:n])
		if !c.blocked {
			s.sendFrames(c)
		}
		return
	}
	if rest, ok := bytes.CutPrefix(s.buffer[:n], preface); ok {
		c.frames = newFrameConversation()
		c.frames.take(rest)
		s.sendFrames(c)
		return
	}
	waiting := len(c.pending) != 0
	c.take(s.buffer[:n], func(a answer) { c.pending = append(c.pending, a) })
	if !waiting && len(c.pending) != 0 {
		s.send(c)
	}
}

// send sends as much as the socket accepts, and waits for the socket if answers remain.
func (s *epollServer) send(c *epollConn) {
	if c.blocked {
		c.blocked = false
		s.watch(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLIN)
	}
	if c.frames != nil {
		s.sendFrames(c)
		return
	}
	for len(c.pending) != 0 {
		a := &c.pending[0]
		for len(a.bytes) != 0 || a.zeros != 0 {
			data := a.bytes
			if len(data) == 0 {
				data = nothing[:min(a.zeros, mib)]
			}
			n, err := write(c.fd, data)
			if err == syscall.EAGAIN {
				n, err = 0, nil
			}
			if err != nil {
				s.close(c)
				return
			}
			if len(a.bytes) != 0 {
				a.bytes = a.bytes[n:]
			} else {
				a.zeros -= int64(n)
			}
			if n < len(data) {
				c.blocked = true
				s.watch(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLIN|unix.EPOLLOUT)
				return
			}
		}
		if a.close {
			s.close(c)
			return
		}
		c.pending = slices.Delete(c.pending, 0, 1)
	}
}

// sendFrames is send for HTTP/2.
func (s *epollServer) sendFrames(c *epollConn) {
	f := c.frames
	for {
		if c.sent == len(f.out) {
			f.out, c.sent = f.out[:0], 0
			if f.fill(); len(f.out) == 0 {
				return
			}
		}
		n, err := write(c.fd, f.out[c.sent:])
		if err == syscall.EAGAIN {
			c.blocked = true
			s.watch(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLIN|unix.EPOLLOUT)
			return
		}
		if err != nil {
			s.close(c)
			return
		}
		c.sent += n
	}
}

func (s *epollServer) close(c *epollConn) {
	s.connections[c.fd] = nil
	unix.Close(c.fd)
}
