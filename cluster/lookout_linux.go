package cluster

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A lookout is a process beside those of a job, one on each machine, that tells of the one that was killed: MPICH's
// launcher, for one, kills all others within a millisecond, before they could, and names another process than the one
// that was. Each process holds a connection to it, over which it takes leave when it ends by itself. Hydra learns that
// a process is gone from its PMI connection, which the lookout holds, too: so Hydra kills nobody before the lookout has
// told which it was, and the others have ended.

// lookoutVariable makes a process a lookout; its value is the machine's name.
const lookoutVariable = "STELE_MPI_LOOKOUT"

// Words between processes and their lookout.
const (
	farewell = 'b' // a process ends, and has said why where that is needed
	watched  = 'w' // answer to a process's first word, its rank
	lost     = 'd' // one was killed, which was said
)

func init() {
	// Before anything else of the program: a lookout is no more than this.
	if host := os.Getenv(lookoutVariable); host != "" {
		signal.Ignore(unix.SIGPIPE)
		if lookOut(3, host) != nil {
			os.Exit(1) // the job goes on without
		}
		os.Exit(0)
	}
}

// openLookout starts this machine's lookout, where this process is the machine's first, and returns the name that the
// others find it by; empty where there can be none.
func openLookout(host string) string {
	name := "@stele-" + rand.Text()
	listener, err := net.Listen("unix", name)
	if err != nil {
		return ""
	}
	defer listener.Close()
	file, err := listener.(*net.UnixListener).File()
	if err != nil {
		return ""
	}
	defer file.Close()
	c := exec.Command("/proc/self/exe")
	c.Env = []string{lookoutVariable + "=" + host, "GOMAXPROCS=1"}
	c.ExtraFiles, c.Stderr = []*os.File{file}, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a launcher that kills its processes does not mean it
	if c.Start() != nil {
		return ""
	}
	go func() { _ = c.Wait() }()
	return name
}

// closeOnExec keeps what the launcher gave this process from programs that it starts, which would hold the launcher's
// connections when this process is no more.
func closeOnExec() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// meetLookout connects this process to its machine's lookout, and has it hold the launcher's connection to this
// process, where that is not -1; gone is called when another process of the machine was killed, which the lookout has
// said.
func meetLookout(name string, rank, connection int, gone func(rank int)) (leave func()) {
	if name == "" {
		return func() {}
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return func() {}
	}
	var held []byte
	if connection >= 0 {
		held = unix.UnixRights(connection)
	}
	_, _, err = c.WriteMsgUnix(binary.LittleEndian.AppendUint32(nil, uint32(rank)), held, nil)
	_ = c.SetReadDeadline(time.Now().Add(patience)) // a machine that starts programs so slowly does without
	if answer := make([]byte, 1); err == nil {
		_, err = c.Read(answer)
	}
	if err != nil {
		c.Close()
		return func() {}
	}
	_ = c.SetReadDeadline(time.Time{})
	go func() {
		word := make([]byte, 5)
		if n, err := c.Read(word); err == nil && n == len(word) && word[0] == lost {
			gone(int(binary.LittleEndian.Uint32(word[1:])))
		}
	}()
	return func() { _, _ = c.Write([]byte{farewell}) }
}

// lookOut is what a lookout does: it ends with the first process that takes leave, for then the job ends by itself, or
// that is killed.
func lookOut(listener int, host string) error {
	before := killedForMemory()
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	watch := func(fd int) error {
		return unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	}
	if err := watch(listener); err != nil {
		return err
	}
	ranks := map[int]int{} // by descriptor
	events := make([]unix.EpollEvent, 64)
	for {
		timeout := -1
		if len(ranks) == 0 { // who started this may be no more
			timeout = int(2 * patience / time.Millisecond)
		}
		// In the order in which they happened: the launcher's kills come after the first.
		n, err := unix.EpollWait(poll, events, timeout)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		for _, e := range events[:n] {
			fd, word := int(e.Fd), make([]byte, 4)
			if fd == listener {
				if fd, _, err = unix.Accept(listener); err != nil {
					return err
				}
				// What comes with it is kept open until this process ends.
				n, _, _, _, err := unix.Recvmsg(fd, word, make([]byte, unix.CmsgSpace(4)), unix.MSG_CMSG_CLOEXEC)
				if err != nil || n != len(word) {
					_ = unix.Close(fd)
					continue
				}
				ranks[fd] = int(binary.LittleEndian.Uint32(word))
				if err := watch(fd); err != nil {
					return err
				}
				_, _ = unix.Write(fd, []byte{watched})
				continue
			}
			got, err := unix.Read(fd, word[:1])
			if err == unix.EINTR || err == unix.EAGAIN {
				continue
			}
			if got == 1 { // it took leave
				return nil
			}
			how := "was killed (signal 9), or crashed"
			if killedForMemory() > before {
				how = "was killed by the system, whose memory ran out"
			}
			fmt.Fprintf(os.Stderr, "stele: rank %d on %s: the process %s; the others end\n", ranks[fd], host, how)
			for other := range ranks {
				if other != fd {
					_, _ = unix.Write(other, binary.LittleEndian.AppendUint32([]byte{lost}, uint32(ranks[fd])))
				}
			}
			_ = unix.Close(fd)
			delete(ranks, fd)
			awaitEnd(poll, ranks)
			return nil
		}
	}
}

// awaitEnd waits, for so long as ending may take, until the processes that are left have ended: the launcher is to
// learn of the one that was killed when nothing is left that it could kill.
func awaitEnd(poll int, ranks map[int]int) {
	events := make([]unix.EpollEvent, 64)
	for until := time.Now().Add(2 * patience); len(ranks) > 0; {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		n, err := unix.EpollWait(poll, events, int(left/time.Millisecond)+1)
		if err != nil && err != unix.EINTR {
			return
		}
		for _, e := range events[:max(n, 0)] {
			fd, word := int(e.Fd), make([]byte, 1)
			if _, there := ranks[fd]; !there { // the listener: who comes now is not served
				_ = unix.EpollCtl(poll, unix.EPOLL_CTL_DEL, fd, nil)
				continue
			}
			n, err := unix.Read(fd, word)
			if n == 1 || err == unix.EINTR || err == unix.EAGAIN { // a farewell, which a process says before it ends
				continue
			}
			_ = unix.Close(fd)
			delete(ranks, fd)
		}
	}
}

// killedForMemory is how many processes the system has killed because its memory ran out.
func killedForMemory() int {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(count))
			return n
		}
	}
	return 0
}
