//go:build unix

package ssh

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// This file asks a master over its control socket, as OpenSSH's PROTOCOL.mux describes. It
// spares a process for each question: packets are a length and a body of 32-bit numbers.

const (
	muxVersion   = 4
	muxHello     = 0x00000001
	muxAlive     = 0x10000004 // request, id
	muxTerminate = 0x10000005 // request, id
	muxIsAlive   = 0x80000005 // id, process id
)

// muxTimeout is how long a master may take to answer, and to end.
const muxTimeout = 5 * time.Second

// master is a control connection.
type master struct{ net.Conn }

// dialMaster connects to the master that listens on a socket.
func dialMaster(socket string) (*master, error) {
	conn, err := net.DialTimeout("unix", socket, muxTimeout)
	if err != nil {
		return nil, err
	}
	m := &master{conn}
	if err := m.hello(); err != nil {
		conn.Close()
		return nil, err
	}
	return m, nil
}

func (m *master) hello() error {
	if err := m.SetDeadline(time.Now().Add(muxTimeout)); err != nil {
		return err
	}
	if err := m.send(muxHello, muxVersion); err != nil {
		return err
	}
	body, err := m.receive()
	if err != nil {
		return err
	}
	if len(body) < 2 || body[0] != muxHello || body[1] != muxVersion {
		return fmt.Errorf("the SSH master speaks another protocol: %x", body)
	}
	return nil
}

// pid asks for the process id of the master.
func (m *master) pid() (int, error) {
	if err := m.send(muxAlive, 1); err != nil {
		return 0, err
	}
	body, err := m.receive()
	if err != nil {
		return 0, err
	}
	if len(body) < 3 || body[0] != muxIsAlive {
		return 0, fmt.Errorf("the SSH master did not say that it is alive: %x", body)
	}
	return int(body[2]), nil
}

func (m *master) send(words ...uint32) error {
	buf := binary.BigEndian.AppendUint32(nil, uint32(4*len(words)))
	for _, w := range words {
		buf = binary.BigEndian.AppendUint32(buf, w)
	}
	_, err := m.Write(buf)
	return err
}

// receive reads one packet as numbers; what is no whole number at its end is left out.
func (m *master) receive() ([]uint32, error) {
	var size [4]byte
	if _, err := io.ReadFull(m, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 64<<10 {
		return nil, fmt.Errorf("the SSH master sends a packet of %d bytes", n)
	}
	buf := make([]byte, n)
	if _, err := io.ReadFull(m, buf); err != nil {
		return nil, err
	}
	words := make([]uint32, n/4)
	for i := range words {
		words[i] = binary.BigEndian.Uint32(buf[4*i:])
	}
	return words, nil
}

// masterLives reports whether a master answers on a socket.
func masterLives(socket string) bool {
	m, err := dialMaster(socket)
	if err != nil {
		return false
	}
	defer m.Close()
	_, err = m.pid()
	return err == nil
}

// endMaster ends the master that listens on a socket, and every session over it, and returns
// when it has ended. Without one it does nothing.
func endMaster(socket string) error {
	m, err := dialMaster(socket)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot end an SSH master: %w", err)
	}
	defer m.Close()
	pid, err := m.pid()
	if err != nil {
		return fmt.Errorf("cannot end an SSH master: %w", err)
	}
	if err = m.send(muxTerminate, 2); err == nil {
		_, err = io.Copy(io.Discard, m) // its end of the socket closes as it ends
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && pid > 1 {
		return syscall.Kill(pid, syscall.SIGKILL)
	}
	return nil
}
