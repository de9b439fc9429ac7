package reactor

import (
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func newSystemPoller() Poller { return newEpollPoller() }

// epollPoller is the Poller on Linux's epoll. Each socket is registered once, for all
// events, edge-triggered, so neither a pause nor a full send buffer costs a system call.
type epollPoller struct {
	fd      int
	waiting *epollWait // waits for fd
	err     error      // why there is no epoll descriptor
	events  []unix.EpollEvent
	watched []watched // indexed by descriptor
	open    *descriptors
	age     int32     // of the newest entry of watched
	looked  time.Time // when Go looked for what had come for other goroutines; see share

	mu     sync.Mutex // keeps Wake from using a closed descriptor
	wakeFD int        // guarded by mu
}

// watched is the watcher of a descriptor. Its age identifies a late event of a closed
// descriptor with the same number.
type watched struct {
	watcher
	age int32
}

// A watcher handles the events of its descriptor.
type watcher interface{ handle(events uint32) }

// quickSize is the amount that is read and written without the scheduler's knowledge; see nonblocking_linux.go. To
// copy that much takes about as long as the rest of the system call.
const quickSize = 64 << 10

const (
	socketEvents   = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
	listenerEvents = unix.EPOLLIN
)

func newEpollPoller() *epollPoller {
	p := &epollPoller{fd: -1, wakeFD: -1, events: make([]unix.EpollEvent, 256), open: &descriptors{}}
	p.err = p.begin()
	runtime.AddCleanup(p, (*descriptors).closeAll, p.open)
	return p
}

func (p *epollPoller) begin() (err error) {
	if p.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if p.waiting, err = newEpollWait(p.fd); err != nil {
		return err
	}
	if p.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	p.open.add(p.wakeFD)
	// Edge-triggered: each write is an event, although the eventfd is never read.
	return p.watch(p.wakeFD, unix.EPOLLIN|unix.EPOLLET, nil)
}

// watch calls w for the events of fd.
func (p *epollPoller) watch(fd int, events uint32, w watcher) error {
	for fd >= len(p.watched) {
		p.watched = append(p.watched, watched{})
	}
	p.age++
	p.watched[fd] = watched{w, p.age}
	return p.control(unix.EPOLL_CTL_ADD, fd, events)
}

// control sets the events of fd that epoll reports.
func (p *epollPoller) control(op, fd int, events uint32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: p.watched[fd].age}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, op, fd, &e))
}

// close closes fd, which also removes it from epoll.
func (p *epollPoller) close(fd int) {
	if fd < len(p.watched) {
		p.watched[fd] = watched{}
	}
	p.open.close(fd)
}

// descriptors are the open descriptors of a poller. They are closed when the garbage
// collector finds that nothing uses the poller, and so its loop, any more.
type descriptors struct{ open []bool }

func (d *descriptors) add(fd int) {
	for fd >= len(d.open) {
		d.open = append(d.open, false)
	}
	d.open[fd] = true
}

// close closes fd, unless it is closed already: its number may be another's by now.
func (d *descriptors) close(fd int) {
	if d.remove(fd) {
		unix.Close(fd)
	}
}

// remove reports whether fd was among d.
func (d *descriptors) remove(fd int) bool {
	was := fd < len(d.open) && d.open[fd]
	if was {
		d.open[fd] = false
	}
	return was
}

func (d *descriptors) closeAll() {
	for fd, open := range d.open {
		if open {
			d.close(fd)
		}
	}
}

func (p *epollPoller) Now() time.Time { return time.Now() }

func (p *epollPoller) Wait(timeout time.Duration) error {
	if p.err != nil {
		return p.err
	}
	n, err := p.wait(timeout)
	if err != nil {
		if err == unix.EINTR {
			return nil
		}
		return os.NewSyscallError("epoll_wait", err)
	}
	for i := range p.events[:n] {
		e := &p.events[i]
		if w := p.watched[e.Fd]; w.age == e.Pad && w.watcher != nil {
			w.handle(e.Events)
		}
	}
	if n == len(p.events) && n < 4096 {
		p.events = make([]unix.EpollEvent, 2*n)
	}
	return nil
}

// wait is epoll_wait. It waits only if nothing is ready: a call that does not is cheaper.
func (p *epollPoller) wait(timeout time.Duration) (n int, err error) {
	n, err = lookAtEpoll(p.fd, p.events)
	if n == 0 && timeout != 0 {
		return p.waiting.wait(p.events, timeout)
	}
	if runtime.GOMAXPROCS(0) == 1 {
		p.share()
	}
	return n, err
}

// share lets other goroutines run, since Go does not see that this one never rests, until 10 ms have passed. If there
// is one processor only, nobody else takes what waits for it, or looks for what comes for others.
func (p *epollPoller) share() {
	if now := time.Now(); now.Sub(p.looked) >= time.Millisecond {
		p.looked = now
		p.waiting.yield(p.Wake)
		return
	}
	runtime.Gosched()
}

func (p *epollPoller) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wakeFD >= 0 {
		one := [8]byte{1}
		unix.Write(p.wakeFD, one[:])
	}
}

// Drain does nothing: the kernel sends the data of closed sockets.
func (p *epollPoller) Drain() {}

func (p *epollPoller) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wakeFD >= 0 {
		p.open.close(p.wakeFD)
	}
	if p.waiting != nil {
		p.waiting.file.Close()
	}
	p.fd, p.wakeFD = -1, -1
	*p.open = descriptors{} // the cleanup closes nothing
	p.err = net.ErrClosed
	return nil
}

// Connecting.

func (p *epollPoller) Dial(network, address, local string, done func(Socket, error)) (cancel func()) {
	s, err := p.connect(network, address, local, done)
	if err != nil {
		done(nil, err)
		return func() {}
	}
	return func() {
		if s.fd >= 0 {
			s.Close(true)
		}
	}
}

func (p *epollPoller) connect(network, address, local string, done func(Socket, error)) (*epollSocket, error) {
	remote, family, err := sockaddr(network, address)
	if err != nil {
		return nil, err
	}
	s, err := p.socket(family)
	if err != nil {
		return nil, err
	}
	if local != "" {
		if err := s.bind(network, local); err != nil {
			s.Close(true)
			return nil, err
		}
	}
	if err := unix.Connect(s.fd, remote); err != nil && err != unix.EINPROGRESS {
		s.Close(true)
		return nil, os.NewSyscallError("connect", err)
	}
	s.remote = reached(remote)
	s.connecting = done
	if err := p.watch(s.fd, socketEvents, s); err != nil {
		s.Close(true)
		return nil, err
	}
	return s, nil
}

// reached returns the address of the peer that a connection to an address reaches. It is zero if only the system knows:
// it makes a loopback address of an unspecified one, and has its own name for a zone.
func reached(to unix.Sockaddr) netip.AddrPort {
	switch a := to.(type) {
	case *unix.SockaddrInet4:
		if ip := netip.AddrFrom4(a.Addr); !ip.IsUnspecified() {
			return netip.AddrPortFrom(ip, uint16(a.Port))
		}
	case *unix.SockaddrInet6:
		if ip := netip.AddrFrom16(a.Addr); !ip.Unmap().IsUnspecified() && a.ZoneId == 0 {
			return netip.AddrPortFrom(ip, uint16(a.Port))
		}
	}
	return netip.AddrPort{}
}

// connected handles the result of an attempt to connect.
func (s *epollSocket) connected(events uint32) {
	if events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) == 0 {
		return
	}
	done := s.connecting
	s.connecting = nil
	var err error
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 { // else the attempt did not fail
		var errno int
		errno, err = unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && errno != 0 {
			err = syscall.Errno(errno)
		}
	}
	if err == nil && s.isOwnPeer() {
		err = syscall.ECONNREFUSED
	}
	if err != nil {
		s.Close(true)
		done(nil, os.NewSyscallError("connect", err))
		return
	}
	s.seen = events
	done(s, nil)
}

// isOwnPeer reports whether the socket is connected to itself. This happens when nothing
// listens on the remote port and the system chooses the same port as the local one.
func (s *epollSocket) isOwnPeer() bool {
	if !s.tcp {
		return false
	}
	addr, _ := syscall.Getsockname(s.fd)
	local := addrPort(addr)
	s.findRemote()
	return local.IsValid() && local == s.remote
}

func (p *epollPoller) socket(family int) (*epollSocket, error) {
	if p.err != nil {
		return nil, p.err
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return p.adopt(fd, family), nil
}

func (p *epollPoller) adopt(fd, family int) *epollSocket {
	p.open.add(fd)
	s := &epollSocket{poller: p, fd: fd, tcp: family != unix.AF_UNIX}
	s.SetNoDelay(true)
	return s
}

// Release implements socketMover.
func (p *epollPoller) Release(released Socket) {
	s := released.(*epollSocket)
	p.control(unix.EPOLL_CTL_DEL, s.fd, 0)
	p.watched[s.fd] = watched{}
	p.open.remove(s.fd)
	s.poller, s.seen = nil, 0
}

// Adopt implements socketMover.
func (p *epollPoller) Adopt(released Socket) error {
	s := released.(*epollSocket)
	s.poller = p
	p.open.add(s.fd)
	err := p.watch(s.fd, socketEvents, s)
	if err != nil {
		s.Close(true)
	}
	return err
}

func (s *epollSocket) bind(network, local string) error {
	addr, _, err := sockaddr(network, local)
	if err != nil {
		return err
	}
	return os.NewSyscallError("bind", unix.Bind(s.fd, addr))
}

// sockaddr parses an address, and returns its family too.
func sockaddr(network, address string) (addr unix.Sockaddr, family int, err error) {
	if network == "unix" {
		return &unix.SockaddrUnix{Name: address}, unix.AF_UNIX, nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, 0, err
	}
	ip := ap.Addr()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ip.As4()}, unix.AF_INET, nil
	}
	in6 := &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		ifi, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, 0, err
		}
		in6.ZoneId = uint32(ifi.Index)
	}
	return in6, unix.AF_INET6, nil
}

// address is the opposite of sockaddr. Package unix would ask the system for more with each address.
func address(addr syscall.Sockaddr) net.Addr {
	if tcp := addrPort(addr); tcp.IsValid() {
		return net.TCPAddrFromAddrPort(tcp)
	}
	return unixAddr(addr)
}

// addrPort is address for TCP; it returns the zero AddrPort for other addresses.
func addrPort(addr syscall.Sockaddr) netip.AddrPort {
	switch a := addr.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
		ip := netip.AddrFrom16(a.Addr)
		if a.ZoneId != 0 {
			if ifi, err := net.InterfaceByIndex(int(a.ZoneId)); err == nil {
				ip = ip.WithZone(ifi.Name)
			}
		}
		return netip.AddrPortFrom(ip, uint16(a.Port))
	}
	return netip.AddrPort{}
}

// unixAddr is address for a unix socket, which mostly has no name.
func unixAddr(addr syscall.Sockaddr) *net.UnixAddr {
	named := &net.UnixAddr{Net: "unix"}
	if a, ok := addr.(*syscall.SockaddrUnix); ok {
		named.Name = a.Name
	}
	return named
}

// Listening.

// epollListener is a listening socket. Package net opens it, since it knows how to choose
// between address families; fd is a duplicate of net's descriptor.
type epollListener struct {
	poller *epollPoller
	fd     int
	family int
	net    net.Listener
	accept func(Socket, error)
	paused bool // between Pause, or an error, and Resume
}

func (p *epollPoller) Listen(network, address string, accept func(Socket, error)) (Listener, error) {
	if p.err != nil {
		return nil, p.err
	}
	opened, err := net.Listen(network, address)
	if err != nil {
		return nil, opReason(err)
	}
	l := &epollListener{poller: p, fd: -1, net: opened, accept: accept, family: unix.AF_INET6}
	if network == "unix" {
		l.family = unix.AF_UNIX
	}
	if err := l.duplicate(); err != nil {
		opened.Close()
		return nil, err
	}
	if err := p.watch(l.fd, listenerEvents, l); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *epollListener) duplicate() error {
	raw, err := l.net.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var dupErr error
	err = raw.Control(func(fd uintptr) {
		l.fd, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil {
		err = os.NewSyscallError("dup", dupErr)
	}
	if err == nil {
		l.poller.open.add(l.fd)
	}
	return err
}

// handle accepts waiting connections, at most 64 so that other sockets get their turn.
func (l *epollListener) handle(uint32) { l.acceptSome(64) }

// AcceptWaiting accepts the waiting connections, at most as many as the system queues unless
// it is configured otherwise.
func (l *epollListener) AcceptWaiting() { l.acceptSome(4096) }

func (l *epollListener) acceptSome(most int) {
	for range most {
		if l.fd < 0 || l.paused {
			return
		}
		fd, remote, err := syscall.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == unix.EAGAIN:
			return
		case err == unix.EINTR || err == unix.ECONNABORTED:
			continue
		case err != nil:
			l.fail(os.NewSyscallError("accept", err))
			return
		}
		s := l.poller.adopt(fd, l.family)
		s.setRemote(remote)
		if err := l.poller.watch(fd, socketEvents, s); err != nil {
			s.Close(true)
			l.fail(err)
			return
		}
		l.accept(s, nil)
	}
}

// fail reports err, and stops accepting until Resume.
func (l *epollListener) fail(err error) {
	l.Pause()
	l.accept(nil, err)
}

func (l *epollListener) Pause()  { l.setPaused(true, 0) }
func (l *epollListener) Resume() { l.setPaused(false, listenerEvents) }

func (l *epollListener) setPaused(paused bool, events uint32) {
	if l.fd >= 0 && l.paused != paused {
		l.paused = paused
		l.poller.control(unix.EPOLL_CTL_MOD, l.fd, events)
	}
}

func (l *epollListener) Addr() net.Addr { return l.net.Addr() }

func (l *epollListener) Close() error {
	if l.fd >= 0 {
		l.poller.close(l.fd)
		l.fd = -1
	}
	return l.net.Close()
}

// Sockets.

// epollSocket is a connected or connecting socket.
type epollSocket struct {
	poller     *epollPoller
	fd         int // -1 after Close
	tcp        bool
	seen       uint32              // events before Start
	failure    syscall.Errno       // of the connection: the system has told it, and does so once; or 0
	connecting func(Socket, error) // Dial's done; non-nil while connecting
	handler    Handler             // set by Start
	local      net.Addr            // nil before somebody has asked for it
	remote     netip.AddrPort      // of TCP, without the objects of a net.Addr; zero while it is not known
	remoteUnix *net.UnixAddr       // of a unix socket; nil while it is not known
}

func (s *epollSocket) Start(h Handler) {
	s.handler = h
	if readiness(s.seen)&Readable != 0 {
		// The edge has passed. Setting the same events again makes another one.
		s.poller.control(unix.EPOLL_CTL_MOD, s.fd, socketEvents)
	}
}

func (s *epollSocket) handle(events uint32) {
	switch {
	case s.handler != nil:
		s.handler.Ready(readiness(events))
	case s.connecting != nil:
		s.connected(events)
	}
}

// readiness translates epoll's events.
func readiness(events uint32) (r Readiness) {
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		r |= Readable
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		r |= HungUp
	}
	if events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		r |= Writable
	}
	return r
}

func (s *epollSocket) Read(p []byte) (int, error) {
	for {
		n, err := readSocket(s.fd, p)
		switch {
		case err == nil && n == 0 && s.failure != 0:
			return 0, os.NewSyscallError("read", s.failure)
		case err == nil && n == 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case err == unix.EAGAIN:
			return 0, ErrWouldBlock
		case err != unix.EINTR:
			s.failure, _ = err.(syscall.Errno)
			return 0, os.NewSyscallError("read", err)
		}
	}
}

func (s *epollSocket) Write(p []byte) (int, error) {
	for {
		n, err := writeSocket(s.fd, p)
		if err != unix.EINTR {
			return s.wrote(n, err)
		}
	}
}

// WritePair implements pairWriter.
func (s *epollSocket) WritePair(p, q []byte) (int, error) {
	for {
		n, err := unix.Writev(s.fd, [][]byte{p, q})
		if err != unix.EINTR {
			return s.wrote(n, err)
		}
	}
}

// wrote translates the result of a system call that writes.
func (s *epollSocket) wrote(n int, err error) (int, error) {
	switch {
	case err == nil:
		return n, nil
	case err == unix.EAGAIN:
		return 0, ErrWouldBlock
	}
	// The system reports the error of a connection once, and an end of file after that. EPIPE
	// is no such error.
	if s.failure == 0 && err != unix.EPIPE {
		s.failure, _ = err.(syscall.Errno)
	}
	return 0, os.NewSyscallError("write", err)
}

func (s *epollSocket) CloseWrite() error {
	return os.NewSyscallError("shutdown", unix.Shutdown(s.fd, unix.SHUT_WR))
}

func (s *epollSocket) PeerClosed() bool {
	fds := [1]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLRDHUP}} // and errors
	n, _ := unix.Poll(fds[:], 0)
	return n == 1
}

func (s *epollSocket) Close(abort bool) {
	if abort && s.tcp {
		unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	s.LocalAddr() // stores the address, which stays available after Close
	s.poller.close(s.fd)
	s.fd = -1
}

func (s *epollSocket) LocalAddr() net.Addr {
	if s.local == nil && s.fd >= 0 {
		addr, _ := syscall.Getsockname(s.fd)
		s.local = address(addr)
	}
	return s.local
}

func (s *epollSocket) RemoteAddr() net.Addr {
	s.findRemote()
	switch {
	case s.remote.IsValid():
		return net.TCPAddrFromAddrPort(s.remote)
	case s.remoteUnix != nil:
		return s.remoteUnix
	}
	return nil
}

// findRemote asks the system for the other side's address, unless it is known.
func (s *epollSocket) findRemote() {
	if s.fd >= 0 && !s.remote.IsValid() && s.remoteUnix == nil {
		addr, _ := syscall.Getpeername(s.fd)
		s.setRemote(addr)
	}
}

// setRemote notes the other side's address.
func (s *epollSocket) setRemote(addr syscall.Sockaddr) {
	if s.remote = addrPort(addr); !s.remote.IsValid() {
		s.remoteUnix = unixAddr(addr)
	}
}

func (s *epollSocket) SetNoDelay(on bool) error {
	if !s.tcp {
		return nil
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, flag(on)))
}

func (s *epollSocket) SetKeepAlive(on bool) error {
	if !s.tcp {
		return nil
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, flag(on)))
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}
