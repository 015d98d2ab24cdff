package cluster

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/stele-lm/stele/cluster/mpi"
)

// mail is the letters between processes: short messages that the thread reads at any time.
type mail struct {
	posted  chan letter
	reading []*incoming
	mu      sync.Mutex
	works   map[uint64]*work       // by counter
	asked   map[uint64]chan uint64 // answers that are waited for, by number
	asks    uint64
	inbox   chan Message
	waiting []Message     // for room in the inbox
	arrived chan struct{} // has one where waiting has grown
}

// letter is a message to a process; its tag says what for.
type letter struct {
	to, tag int
	text    []byte
}

// Message is what Send sent.
type Message struct {
	From int
	Data []byte
}

type outgoing struct {
	request *mpi.Request
	text    []byte // in the thread's memory
}

type incoming struct {
	request *mpi.Request
	from    int
	tag     int
	text    []byte
	done    bool
}

// Tags of letters.
const (
	tagAlive  = 1 // heartbeat: nothing in it
	tagAsk    = 2 // Next: number, counter
	tagAnswer = 3 // number, value
	tagAbort  = 4 // the exit status; who sends it has said why
	tagData   = 5 // Send
	tagStop   = 6 // Stop
	tagGiveUp = 7 // GiveUp: counter
)

// messages returns the inbox, which is made when somebody first looks.
func (m *mail) messages() <-chan Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.openInbox()
	return m.inbox
}

// openInbox makes the inbox and has what waits passed on to it. m.mu is held.
func (m *mail) openInbox() {
	if m.inbox != nil {
		return
	}
	m.inbox, m.arrived = make(chan Message), make(chan struct{}, 1)
	go func() {
		for range m.arrived {
			m.mu.Lock()
			some := m.waiting
			m.waiting = nil
			m.mu.Unlock()
			for _, message := range some {
				m.inbox <- message
			}
		}
	}()
}

// deliver puts a message behind those that wait. It never blocks: the thread that calls it tells others that this
// process is alive.
func (m *mail) deliver(message Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.openInbox()
	m.waiting = append(m.waiting, message)
	select {
	case m.arrived <- struct{}{}:
	default: // it is known already
	}
}

func (m *mail) open() {
	m.posted = make(chan letter, 256)
	m.works, m.asked = map[uint64]*work{}, map[uint64]chan uint64{}
}

// inFlight is how many messages may be on their way: Open MPI numbers them with 16 bits, and mixes up more.
const inFlight = 1024

// post begins to send a letter, or a message when there is room for it. Only the thread calls it.
func (t *thread) post(l letter) {
	if l.tag == tagData {
		t.outbox = append(t.outbox, l)
		t.postMessages()
		return
	}
	t.send(l)
}

// postMessages begins to send messages for which there is room.
func (t *thread) postMessages() {
	for len(t.outbox) > 0 && len(t.sending) < inFlight {
		t.send(t.outbox[0])
		t.outbox[0] = letter{}
		t.outbox = t.outbox[1:]
	}
}

func (t *thread) send(l letter) {
	text := t.memory.take(len(l.text))
	copy(text, l.text)
	send := t.letters.Send
	if l.tag == tagData {
		send = t.letters.SendSynchronously // what another process has not taken is on its way
	}
	request, err := send(text, l.to, l.tag)
	if err != nil {
		t.fault(fmt.Sprintf("sending to rank %d on %s", l.to, t.host(l.to)), err)
		return
	}
	t.sending = append(t.sending, outgoing{request, text})
}

func (t *thread) host(rank int) string {
	if rank < len(t.job.Hosts) && t.job.Hosts != nil && len(t.job.Hosts) == t.size {
		return t.job.Hosts[rank]
	}
	return "another machine"
}

// read takes letters in and acts on them.
func (t *thread) read() (moved bool, err error) {
	for {
		found, from, tag, length, err := t.letters.Probe()
		if err != nil {
			return moved, err
		}
		if !found {
			break
		}
		in := &incoming{from: from, tag: tag, text: t.memory.take(length)}
		if in.request, err = t.letters.Receive(in.text, from, tag); err != nil {
			return moved, err
		}
		t.reading = append(t.reading, in)
		moved = true
	}
	reading := t.reading[:0]
	for _, in := range t.reading {
		if !in.done {
			if in.done, err = in.request.Test(); err != nil {
				return moved, err
			}
		}
		if in.done && len(reading) == 0 { // in their order
			t.act(in)
			t.memory.put(in.text)
			moved = true
			continue
		}
		reading = append(reading, in)
	}
	t.reading = reading
	return moved, nil
}

func (t *thread) act(in *incoming) {
	t.heardFrom(in.from)
	switch in.tag {
	case tagAsk:
		number, counter := binary.LittleEndian.Uint64(in.text), binary.LittleEndian.Uint64(in.text[8:])
		t.post(letter{in.from, tagAnswer, pair(number, t.count(counter))})
	case tagAnswer:
		number, value := binary.LittleEndian.Uint64(in.text), binary.LittleEndian.Uint64(in.text[8:])
		t.mu.Lock()
		answer := t.asked[number]
		delete(t.asked, number)
		t.mu.Unlock()
		if answer != nil {
			answer <- value
		}
	case tagAbort:
		t.told(int(in.text[0]))
	case tagStop:
		t.job.stop()
	case tagGiveUp:
		t.giveUp(binary.LittleEndian.Uint64(in.text))
	case tagData:
		t.deliver(Message{in.from, bytes.Clone(in.text)})
	}
}

func pair(a, b uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b)
}

// Next hands out 0, 1, 2 … of a counter, each number once among all processes: whoever is free takes the next piece of
// work. Counters are told apart by any number, and begin at 0. Rank 0 answers while it computes.
func (j *Job) Next(counter uint64) (int, error) {
	if j.thread == nil {
		return int(j.alone.count(counter)), nil
	}
	t := j.thread
	if j.Rank == 0 {
		return int(t.count(counter)), nil
	}
	t.mu.Lock()
	t.asks++
	number, answer := t.asks, make(chan uint64, 1)
	t.asked[number] = answer
	t.mu.Unlock()
	t.posted <- letter{0, tagAsk, pair(number, counter)}
	return int(<-answer), nil
}

// Send sends a message of less than 2 GiB to a process, itself too, which gets it from Messages. Messages of one
// process to another arrive in their order.
func (j *Job) Send(to int, data []byte) error {
	if j.thread == nil || to == j.Rank {
		j.mail().deliver(Message{j.Rank, data})
		return nil
	}
	j.thread.posted <- letter{to, tagData, data}
	return nil
}

// Messages is what other processes Send to this one. Whoever expects messages must receive them: they wait in memory.
func (j *Job) Messages() <-chan Message { return j.mail().messages() }

func (j *Job) mail() *mail {
	if j.thread != nil {
		return &j.thread.mail
	}
	return &j.alone
}
