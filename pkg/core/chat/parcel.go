package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"crm-connector/pkg/core/batch"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Version is the version of a Parcel that this code writes. A parcel of a later version goes back to its queue.
const Version = 1

// The bounds of what one delivery becomes.
const (
	// MaxMessages is how many messages one delivery becomes at most.
	MaxMessages = 32
	// Shards is how many groups the updates of a connection are spread over: so many that the messages of a delivery of 3 MB are no more
	// than MaxMessages, however it is shared out among them. Packed it has less than four times MaxParcel, and each of these makes two
	// messages more at most: one that is cut, and one before an update that did not fit behind others.
	Shards = 26
	// MaxUpdates is the most that Meta sends in one delivery. Page: webhooks/create-webhook-endpoint.
	MaxUpdates = 1000
	// MaxParcel is the largest body in bytes: what a message of SQS holds (batch.MaxBytes), with room for an envelope.
	MaxParcel = 1_000_000
)

// Parcel is one queue message: updates of one shard, in the order in which they are to be carried out. They travel whole,
// because nobody can be asked for them later.
type Parcel struct {
	V          int
	Connection string
	ReceivedAt time.Time // when the door took it in
	Trace      string    // the gateway's name for the delivery
	Updates    []Update
}

// Identity names an update: the same for every repetition of it and different for every other one. It is a hash, so it may
// stand in a log line, and it is short enough for the ids of a queue.
func (u Update) Identity() string {
	switch {
	case u.Message != nil:
		return digest("message", u.Number, u.Message.ID.Text())
	case u.Status != nil:
		member := ""
		if s := u.Status; s.Group.Filled() {
			member = s.To.User.Text() + "|" + s.To.Phone.Text()
		}
		return digest("status", u.Number, u.Status.ID.Text(), string(u.Status.State), member)
	case u.Preference != nil:
		p := u.Preference
		return digest("preference", u.Number, p.From.User.Text(), p.From.Phone.Text(), p.Category, p.Value, strconv.FormatInt(p.At.Unix(), 10))
	}
	return digest("notice", string(encode(&u, (*Update).fields)))
}

// Shard returns the group that an update belongs to, from 0 to Shards-1: by number and person, so that a conversation stays
// in order; a status by number and message, since a failed one may name nobody.
func Shard(u Update) int {
	name := digest("notice", u.Account, u.Number)
	switch who := u.Person(); {
	case u.Status != nil:
		name = digest("status", u.Number, u.Status.ID.Text())
	case who.User.Filled():
		name = digest("user", u.Number, who.User.Text())
	case who.Phone.Filled():
		name = digest("phone", u.Number, who.Phone.Text())
	case u.Message != nil:
		name = digest("message", u.Number, u.Message.ID.Text())
	}
	n, _ := strconv.ParseUint(name[:2], 16, 8) // a digest is hexadecimal
	return int(n % Shards)
}

// Pack makes the queue messages of one delivery: one for each shard that occurs, with its messages before its statuses and
// notices, and those that hold messages first. Only a shard of more than MaxParcel bytes becomes several messages, in order.
// An update that is larger by itself fits nowhere and is handed back.
func Pack(p Parcel) (entries []batch.Entry, tooLarge []Update) {
	p.V = Version
	talk := make([]*stack, Shards) // messages and preferences
	rest := make([]*stack, Shards) // statuses and notices
	for _, u := range p.Updates {
		text := encode(&u, (*Update).fields)
		if len(text) > MaxParcel-envelope {
			tooLarge = append(tooLarge, u)
			continue
		}
		of := talk
		if u.Message == nil && u.Preference == nil {
			of = rest
		}
		n := Shard(u)
		if of[n] == nil {
			of[n] = &stack{}
		}
		of[n].updates = append(of[n].updates, packed{u.Identity(), text})
	}
	for n, s := range talk {
		if s != nil {
			if rest[n] != nil {
				s.updates = append(s.updates, rest[n].updates...)
				rest[n] = nil
			}
			entries = append(entries, s.entries(p, n)...)
		}
	}
	for n, s := range rest {
		if s != nil {
			entries = append(entries, s.entries(p, n)...)
		}
	}
	return entries, tooLarge
}

// envelope is the room for what stands around the updates of a parcel.
const envelope = 1000

// stack are the updates of one shard.
type stack struct{ updates []packed }

type packed struct {
	identity string
	text     []byte
}

func (s *stack) entries(p Parcel, shard int) (out []batch.Entry) {
	for len(s.updates) > 0 {
		n, size := 0, 0
		for n < len(s.updates) && (n == 0 || size+len(s.updates[n].text)+1 <= MaxParcel-envelope) {
			size += len(s.updates[n].text) + 1
			n++
		}
		out = append(out, entry(p, shard, s.updates[:n], size))
		s.updates = s.updates[n:]
	}
	return out
}

func entry(p Parcel, shard int, updates []packed, size int) batch.Entry {
	p.Updates = nil
	head := encode(&p, (*Parcel).fields)
	body := make([]byte, 0, len(head)+size+len(`,"updates":[]`))
	body = append(append(body, head[:len(head)-1]...), `,"updates":[`...)
	names := sha256.New()
	for i, u := range updates {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, u.text...)
		names.Write([]byte(u.identity))
	}
	return batch.Entry{
		Group: digest("whatsapp", p.Connection, strconv.Itoa(shard)),
		Dedup: hex.EncodeToString(names.Sum(nil)[:16]),
		Body:  string(append(body, "]}"...)),
	}
}

// Open reads the body of a queue message that Pack made, here or in another version: fields that it does not know are
// ignored, a parcel of a later version gives an error that wraps batch.ErrLater, and everything else that it cannot read is a
// fault of kind Ours. The error repeats nothing of the body.
func Open(body string) (Parcel, error) {
	p, err := decode([]byte(body), (*Parcel).fields)
	if err != nil {
		var head struct{ V int }
		if json.Unmarshal([]byte(body), &head) != nil || head.V <= Version {
			return Parcel{}, unreadable("not a parcel")
		}
		p.V = head.V
	}
	switch {
	case p.V > Version:
		return Parcel{}, fmt.Errorf("chat.Open: version %d: %w", p.V, batch.ErrLater)
	case p.V < 1 || p.Connection == "" || len(p.Updates) == 0:
		return Parcel{}, unreadable("without version, connection or updates")
	}
	for _, u := range p.Updates {
		if why := u.wrong(); why != "" {
			return Parcel{}, unreadable(why)
		}
	}
	return p, nil
}

// wrong says what keeps u from being an update, "" when nothing does.
func (u Update) wrong() string {
	set := 0
	for _, is := range [...]bool{u.Message != nil, u.Status != nil, u.Preference != nil, u.Notice != nil} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return "an update that is not one thing"
	case u.Message != nil && (!u.Message.ID.Filled() || u.Message.Type == ""):
		return "a message without id or type"
	case u.Status != nil && (!u.Status.ID.Filled() || u.Status.State == ""):
		return "a status without id or state"
	}
	return ""
}

func unreadable(why string) error {
	return &fault.Error{Op: "chat.Open", Kind: fault.Ours, Code: "unreadable", Err: errors.New(why)}
}

// digest hashes the parts, each with its length, to 32 hexadecimal digits.
func digest(parts ...string) string {
	var space [256]byte // enough for most, so that it needs no memory
	text := space[:0]
	for _, p := range parts {
		text = append(strconv.AppendInt(text, int64(len(p)), 10), ':')
		text = append(text, p...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Operation returns an update as the one log line and the parked row of a message know it: an id, a verb and times, nothing
// of what was written.
func (p Parcel) Operation(u Update) crm.Operation {
	verb := crm.Message
	if u.Status != nil {
		verb = crm.Status
	}
	return crm.Operation{
		V: crm.OperationVersion, ID: u.Identity(), Connection: p.Connection, Source: crm.WhatsApp, Kind: crm.Contact, Module: crm.Contacts,
		Verb: verb, RecordID: u.Identity(), OccurredAt: u.At(), ReceivedAt: p.ReceivedAt, Trace: p.Trace,
	}
}
