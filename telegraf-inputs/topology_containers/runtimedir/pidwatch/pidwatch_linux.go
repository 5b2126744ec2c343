package pidwatch

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Watcher watches processes. Its methods may be called by several goroutines at
// once.
type Watcher struct {
	epoll, wake int
	ended       chan int
	stop        chan struct{}
	done        chan struct{}

	mu     sync.Mutex
	closed bool
	fds    map[int]int32 // by process
	pids   map[int32]int // by descriptor
}

// New returns a watcher; Close ends it.
func New() (*Watcher, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll instance: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("create event descriptor: %w", err)
	}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)}); err != nil {
		_ = unix.Close(epoll)
		_ = unix.Close(wake)
		return nil, fmt.Errorf("watch event descriptor: %w", err)
	}
	w := &Watcher{
		epoll: epoll, wake: wake,
		ended: make(chan int), stop: make(chan struct{}), done: make(chan struct{}),
		fds: make(map[int]int32), pids: make(map[int32]int),
	}
	go w.run()
	return w, nil
}

// Ended tells the numbers of processes that ended. They are no longer watched.
func (w *Watcher) Ended() <-chan int { return w.ended }

// Add watches a process, again if it is watched already: the number may belong
// to another one now. A process that is not there gives an error that wraps
// unix.ESRCH.
func (w *Watcher) Add(pid int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(pid)
	switch {
	case w.closed:
		return errors.New("the watcher is closed")
	case len(w.fds) >= Max:
		return ErrTooMany
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ENOSYS) {
		return ErrUnsupported
	} else if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("watch process %d: %w", pid, err)
	}
	w.fds[pid], w.pids[int32(fd)] = int32(fd), pid
	return nil
}

// Remove ends the watch of a process, if there is one.
func (w *Watcher) Remove(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(pid)
}

func (w *Watcher) remove(pid int) {
	if fd, ok := w.fds[pid]; ok {
		delete(w.fds, pid)
		delete(w.pids, fd)
		_ = unix.Close(int(fd)) // takes it out of the epoll instance, too
	}
}

// Close ends the watcher, and returns when nothing of it runs any more.
func (w *Watcher) Close() {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		<-w.done
		return
	}
	w.closed = true
	w.mu.Unlock()
	close(w.stop)
	_, _ = unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-w.done
}

func (w *Watcher) run() {
	defer close(w.done)
	defer w.release()
	var events [64]unix.EpollEvent
	for {
		n, err := unix.EpollWait(w.epoll, events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		for _, ev := range events[:max(n, 0)] {
			if ev.Fd == int32(w.wake) {
				return
			}
			w.mu.Lock()
			pid, ok := w.pids[ev.Fd]
			if ok {
				w.remove(pid)
			}
			w.mu.Unlock()
			if !ok {
				continue
			}
			select {
			case w.ended <- pid:
			case <-w.stop:
				return
			}
		}
	}
}

func (w *Watcher) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for pid := range w.fds {
		w.remove(pid)
	}
	_ = unix.Close(w.epoll)
	_ = unix.Close(w.wake)
}
