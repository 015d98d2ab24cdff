package mpi

import (
	"encoding/binary"
	"unsafe"
)

// Communicator is a group of processes whose messages are apart from those of others.
type Communicator struct {
	library *Library
	handle  Handle
}

// World is the communicator of all processes that were started together.
func (l *Library) World() *Communicator { return &Communicator{l, l.abi.world} }

// Duplicate makes a communicator of the same processes. All call it.
func (c *Communicator) Duplicate() (*Communicator, error) {
	d := &Communicator{library: c.library}
	err := c.library.call("MPI_Comm_dup", uintptr(c.handle), uintptr(unsafe.Pointer(&d.handle)))
	if err == nil {
		err = c.library.call("MPI_Comm_set_errhandler", uintptr(d.handle), uintptr(c.library.abi.errorsReturn))
	}
	return d, err
}

// Rank returns the number of this process.
func (c *Communicator) Rank() (int, error) {
	var n int32
	err := c.library.call("MPI_Comm_rank", uintptr(c.handle), uintptr(unsafe.Pointer(&n)))
	return int(n), err
}

// Size returns how many processes there are.
func (c *Communicator) Size() (int, error) {
	var n int32
	err := c.library.call("MPI_Comm_size", uintptr(c.handle), uintptr(unsafe.Pointer(&n)))
	return int(n), err
}

// Request is an operation that has begun. It holds what the operation reads and writes.
type Request struct {
	library *Library
	handle  Handle
	held    []any
	done    int32
}

func (c *Communicator) request(held ...any) *Request {
	return &Request{library: c.library, held: held}
}

// Test reports whether the operation has ended, and moves on what the library has begun.
func (r *Request) Test() (bool, error) {
	err := r.library.call("MPI_Test", uintptr(unsafe.Pointer(&r.handle)), uintptr(unsafe.Pointer(&r.done)),
		r.library.abi.statusIgnore)
	return r.done != 0, err
}

// address of a buffer; an empty one has that of no byte in particular.
func address(b []byte) uintptr {
	if len(b) == 0 {
		return uintptr(unsafe.Pointer(&nothing[0]))
	}
	return uintptr(unsafe.Pointer(&b[0]))
}

var nothing [8]byte

func count(n int) uintptr { return uintptr(uint32(int32(n))) }

// Send begins to send a message of less than 2 GiB to a process.
func (c *Communicator) Send(message []byte, to, tag int) (*Request, error) {
	r := c.request(message)
	return r, c.library.call("MPI_Isend", address(message), count(len(message)), uintptr(c.library.abi.bytes),
		count(to), count(tag), uintptr(c.handle), uintptr(unsafe.Pointer(&r.handle)))
}

// SendSynchronously is Send that ends when the other process has begun to receive the message.
func (c *Communicator) SendSynchronously(message []byte, to, tag int) (*Request, error) {
	r := c.request(message)
	return r, c.library.call("MPI_Issend", address(message), count(len(message)), uintptr(c.library.abi.bytes),
		count(to), count(tag), uintptr(c.handle), uintptr(unsafe.Pointer(&r.handle)))
}

// Receive begins to receive a message of a process that Probe has found.
func (c *Communicator) Receive(message []byte, from, tag int) (*Request, error) {
	r := c.request(message)
	return r, c.library.call("MPI_Irecv", address(message), count(len(message)), uintptr(c.library.abi.bytes),
		count(from), count(tag), uintptr(c.handle), uintptr(unsafe.Pointer(&r.handle)))
}

// Probe reports whether a message waits, from whom, with which tag and of how many bytes.
func (c *Communicator) Probe() (found bool, from, tag, length int, err error) {
	status := new([16]uint64) // more than any ABI's
	flag, n := new(int32), new(int32)
	a := c.library.abi
	err = c.library.call("MPI_Iprobe", count(int(a.anySource)), count(int(a.anyTag)), uintptr(c.handle),
		uintptr(unsafe.Pointer(flag)), uintptr(unsafe.Pointer(status)))
	if err != nil || *flag == 0 {
		return false, 0, 0, 0, err
	}
	err = c.library.call("MPI_Get_count", uintptr(unsafe.Pointer(status)), uintptr(a.bytes), uintptr(unsafe.Pointer(n)))
	raw := (*[128]byte)(unsafe.Pointer(status))[:]
	from = int(int32(binary.NativeEndian.Uint32(raw[a.sourceAt:])))
	tag = int(int32(binary.NativeEndian.Uint32(raw[a.tagAt:])))
	return true, from, tag, int(*n), err
}

// Barrier begins to wait until all have called it.
func (c *Communicator) Barrier() (*Request, error) {
	r := c.request()
	return r, c.library.call("MPI_Ibarrier", uintptr(c.handle), uintptr(unsafe.Pointer(&r.handle)))
}

// Broadcast begins to give process 0's buffer to all others.
func (c *Communicator) Broadcast(buffer []byte) (*Request, error) {
	r := c.request(buffer)
	return r, c.library.call("MPI_Ibcast", address(buffer), count(len(buffer)), uintptr(c.library.abi.bytes), 0,
		uintptr(c.handle), uintptr(unsafe.Pointer(&r.handle)))
}

// AllGather begins to give all processes everybody's part, which are equally long, in the order of ranks.
func (c *Communicator) AllGather(part, all []byte) (*Request, error) {
	r := c.request(part, all)
	t := uintptr(c.library.abi.bytes)
	return r, c.library.call("MPI_Iallgather", address(part), count(len(part)), t, address(all), count(len(part)), t,
		uintptr(c.handle), uintptr(unsafe.Pointer(&r.handle)))
}

// AllGatherLengths is AllGather of parts that differ in length: that of rank i is lengths[i] bytes and begins
// at starts[i] of all.
func (c *Communicator) AllGatherLengths(part, all []byte, lengths, starts []int32) (*Request, error) {
	r := c.request(part, all, lengths, starts)
	t := uintptr(c.library.abi.bytes)
	return r, c.library.call("MPI_Iallgatherv", address(part), count(len(part)), t, address(all),
		uintptr(unsafe.Pointer(&lengths[0])), uintptr(unsafe.Pointer(&starts[0])), t, uintptr(c.handle),
		uintptr(unsafe.Pointer(&r.handle)))
}

// GatherLengths is AllGatherLengths for process 0 alone; on others all is not looked at.
func (c *Communicator) GatherLengths(part, all []byte, lengths, starts []int32) (*Request, error) {
	r := c.request(part, all, lengths, starts)
	t := uintptr(c.library.abi.bytes)
	return r, c.library.call("MPI_Igatherv", address(part), count(len(part)), t, address(all),
		uintptr(unsafe.Pointer(&lengths[0])), uintptr(unsafe.Pointer(&starts[0])), t, 0, uintptr(c.handle),
		uintptr(unsafe.Pointer(&r.handle)))
}

// AllToAll begins to give piece i of everybody's pieces to process i, which gets them in the order of ranks. All
// pieces are equally long.
func (c *Communicator) AllToAll(pieces, received []byte, length int) (*Request, error) {
	r := c.request(pieces, received)
	t := uintptr(c.library.abi.bytes)
	return r, c.library.call("MPI_Ialltoall", address(pieces), count(length), t, address(received), count(length), t,
		uintptr(c.handle), uintptr(unsafe.Pointer(&r.handle)))
}
