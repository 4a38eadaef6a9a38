package conversation

import (
	"context"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/pair"
	"crm-connector/pkg/core/row"
	"crm-connector/pkg/flow/identity"
)

// entry is what a message becomes in a CRM.
type entry struct {
	wamid crm.Value
	key   string // what its claims are kept under
	text  string
	at    time.Time
}

var (
	headIn  = map[chat.Language]string{chat.Italian: "WhatsApp ricevuto", chat.English: "WhatsApp received"}
	headOut = map[chat.Language]string{chat.Italian: "WhatsApp inviato", chat.English: "WhatsApp sent"}
	minutes = map[chat.Language]string{chat.Italian: "02/01/2006 15:04", chat.English: "2006-01-02 15:04"}
	cutOff  = map[chat.Language]string{chat.Italian: " […] (il testo continua su WhatsApp)", chat.English: " […] (the text goes on in WhatsApp)"}
)

// entryOf is a message of a person as the CRMs show it: when, what, and the id by which it is found again.
func (t *task) entryOf(m chat.Message) entry {
	at := m.At
	if at.IsZero() {
		at = t.received
	}
	head := headIn[t.f.Language]
	if name := chat.Name(m.From.Name.Text()); name != "" {
		head += " · " + name
	}
	return t.f.entry(head, chat.Render(m, t.f.Language), m.ID, t.id, at)
}

func (f *Flow) entry(head, text string, wamid crm.Value, key string, at time.Time) entry {
	if utf8.RuneCountInString(text) > longest {
		text = string([]rune(text)[:longest]) + cutOff[f.Language]
	}
	head += " · " + at.In(f.Zone).Format(minutes[f.Language])
	return entry{wamid: wamid, key: key, at: at, text: chat.Plain(head + "\n" + text + "\n" + markOf(wamid))}
}

// markOf is the line of an entry that stands behind what was written: by it the entry is found again.
func markOf(wamid crm.Value) string { return chat.Plain("[" + wamid.Text() + "]") }

func (f *Flow) side(sys crm.System) CRM {
	if sys == crm.HubSpot {
		return f.HubSpot
	}
	return f.Zoho
}

// log writes the entry onto the person's contact, effectively once, and returns its id; "" where the CRM has him not.
func (t *task) log(sys crm.System, who someone, e entry) (string, error) {
	contact, err := t.at(sys, who)
	if err != nil || contact == "" {
		return "", err
	}
	side := t.f.side(sys)
	id, err := t.once(claimKey(t.conn, e.key, string(sys)), contact,
		func(where string) (string, error) { return side.Logged(t.ctx, where, e.wamid.Text()) },
		func() (string, error) { return side.Log(t.ctx, contact, crm.Text(e.text), e.at) })
	return id, t.absent(sys, who, err)
}

// absent turns a contact that is gone into another look for its person. A HubSpot contact that went without its pair knowing is not
// waited for.
func (t *task) absent(sys crm.System, who someone, err error) error {
	switch {
	case err == nil || fault.KindOf(err) != fault.Missing:
		return err
	case sys == crm.Zoho:
		return t.forget(who.zoho)
	}
	return t.forgetHubSpot(who)
}

// pair returns the pair of a contact, Version 0 for none.
func (t *task) pair(sys crm.System, contact string) (identity.Loaded, error) {
	p, err := t.f.Book.Find(t.ctx, t.conn, contactID(sys, contact))
	if err == nil && p.Version != 0 && p.State == pair.Superseded {
		p, err = t.f.Book.Follow(t.ctx, p)
	}
	return p, tables(err)
}

var fileLost = map[chat.Language]string{chat.Italian: "allegato non conservato", chat.English: "the attachment was not kept"}

// noFile is the line of an entry whose file was not kept.
func (f *Flow) noFile(m chat.Message) chat.Amendment {
	const sign = "! "
	return chat.Amendment{Line: sign + fileLost[f.Language], Heads: []string{sign + fileLost[chat.Italian], sign + fileLost[chat.English]}, Mark: markOf(m.ID)}
}

const (
	// fileTurn is how long a file waits for others that lie in memory; behind it wait the next messages of its person.
	fileTurn = 5 * time.Second
	// fileReserve is the part of the remaining time that a file does not get: in it is noted that it goes on from the outbox.
	fileReserve = 2 * time.Second
)

// attach puts the file of a message beside its note. One that is too large or gone is named by a line instead.
func (t *task) attach(note string, m chat.Message) error {
	if note == "" {
		return nil
	}
	ctx, cancel := t.ctx, func() {}
	if end, ok := t.ctx.Deadline(); ok {
		ctx, cancel = context.WithDeadline(t.ctx, end.Add(-fileReserve))
	}
	defer cancel()
	if t.f.Files != nil {
		turn, stop := context.WithTimeout(ctx, fileTurn)
		defer stop()
		select {
		case t.f.Files <- struct{}{}:
			defer func() { <-t.f.Files }()
		case <-turn.Done():
			return fault.Again("conversation.File", time.Second, "other files are under way")
		}
	}
	mark := t.id[:16]
	_, err := t.once(claimKey(t.conn, t.id, "file"), note,
		func(where string) (string, error) { return t.f.Zoho.Attached(ctx, where, mark) },
		func() (string, error) {
			file, err := t.f.Phone.Media(ctx, m.Media.ID, MaxFile)
			if err == nil {
				err = t.f.Zoho.Attach(ctx, note, mark+"-"+fileName(m.Media.Filename.Text(), file.MIME), file.MIME, file.Data)
			}
			if kind := fault.KindOf(err); err != nil && (kind == fault.Refused || kind == fault.Missing) {
				err = t.f.Zoho.Amend(ctx, note, t.f.noFile(m))
			}
			return "file", err
		})
	if fault.KindOf(err) == fault.Missing {
		return nil // the note went meanwhile, and its files with it
	}
	return err
}

// fileLater puts what keeps a file from its note for now into the outbox, where it is tried again: the message is logged, and others
// do not wait for the file. Faults of the message itself are returned, and all of them where nothing is ever sent.
func (t *task) fileLater(person someone, note string, why error) error {
	if why == nil || final(why) || t.f.Number == "" {
		return why
	}
	kept := t.f.keep(t.conn, t.u, t.received)
	if kept == "" {
		return why
	}
	id := t.f.name("file", t.conn, t.id)
	rows, err := t.f.Store.Get(t.ctx, outboxKey(t.conn, id))
	if err != nil || rows[0].Version != 0 {
		return tables(err)
	}
	expires := t.now().Add(KeptFor)
	listed, err := t.listed(person.id, outboxKey(t.conn, id))
	if err != nil {
		return err
	}
	o := outgoing{Request: []byte(kept), Number: t.number(), Contact: person.zoho, At: t.now(), Stage: stageFile, Note: note, Until: t.now().Add(ClaimFor)}
	return t.f.save(t.ctx, append(listed, write(outboxKey(t.conn, id), 0, o, expires),
		row.Put{Key: dueKey(t.conn, id), Value: []byte(id), Expires: expires})...)
}

// file tries again to put a file beside its note, less and less often. After FileFor it is given up with a row, and the note says so.
func (t *task) file(s *shipment) error {
	if left := s.Until.Sub(t.now()); left > 0 {
		return fault.Again("conversation.File", left, "the file is tried again later")
	}
	p, err := chat.Open(string(s.Request))
	if err != nil || len(p.Updates) != 1 || p.Updates[0].Message == nil {
		return t.refuse(s, parked(fault.CauseCorrupt, "the stored message of a file cannot be read"))
	}
	of := &task{f: t.f, ctx: t.ctx, conn: t.conn, u: p.Updates[0], id: p.Updates[0].Identity(), received: p.ReceivedAt, whom: someone{zoho: s.Contact}}
	err = of.attach(s.Note, *of.u.Message)
	t.applied = t.applied || of.applied
	if err != nil {
		if t.now().Before(s.At.Add(FileFor)) {
			return t.putBack(s, "conversation.File", "the file cannot be fetched or kept yet")
		}
		err = t.f.Zoho.Amend(t.ctx, s.Note, t.f.noFile(*of.u.Message))
		if err != nil && fault.KindOf(err) != fault.Missing && fault.KindOf(err) != fault.Refused {
			return err
		}
		if err := of.tell(of.id, crm.ID{}, parked(fault.CauseFile, "a file could not be fetched for days and was not kept; it is in WhatsApp")); err != nil {
			return err
		}
		t.told = append(t.told, of.told...)
	}
	return first(t.f.drop(t.ctx, outboxKey(t.conn, s.id)), t.f.drop(t.ctx, dueKey(t.conn, s.id)))
}

// putBack lets something that is no message wait in the outbox, longer each time.
func (t *task) putBack(s *shipment, op, why string) error {
	wait := min(ClaimFor<<min(s.Pressed, 6), time.Hour)
	s.Pressed++
	s.Until = t.now().Add(wait)
	return first(t.keepShipment(s), fault.Again(op, wait, why))
}

// endings are what names of files end in, by the types that WhatsApp takes (business-phone-numbers/media, "Supported media types").
var endings = map[string]string{
	"audio/aac": ".aac", "audio/amr": ".amr", "audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/ogg": ".ogg",
	"image/jpeg": ".jpeg", "image/png": ".png", "image/webp": ".webp", "video/3gpp": ".3gp", "video/mp4": ".mp4",
	"text/plain": ".txt", "application/pdf": ".pdf", "application/msword": ".doc", "application/vnd.ms-excel": ".xls", "application/vnd.ms-powerpoint": ".ppt",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         ".xlsx",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
}

// fileName is a name that every system takes: Latin letters, digits, points and dashes of what it is called, and its ending, or that of
// its type. What nobody called, or in another script alone, is called by what it is.
func fileName(name, contentType string) string {
	ending := path.Ext(name)
	if len(ending) < 2 || len(ending) > 10 || latin(ending) != ending {
		ending = endingOf(contentType)
	} else {
		name = strings.TrimSuffix(name, ending)
	}
	stem := latin(name)
	stem = strings.Trim(stem[max(0, len(stem)-80):], "._-")
	switch {
	case stem != "":
	case name != "":
		stem = "file"
	default:
		stem = "whatsapp"
	}
	return stem + ending
}

// endingOf returns the ending of a type; "" for one that tells none.
func endingOf(contentType string) string {
	contentType, _, _ = strings.Cut(strings.ToLower(contentType), ";")
	contentType = strings.TrimSpace(contentType)
	if ending, ok := endings[contentType]; ok {
		return ending
	}
	if _, sub, _ := strings.Cut(contentType, "/"); sub != "" && len(sub) <= 4 && !strings.ContainsAny(latin(sub), "._-") { // gif, csv, zip
		return "." + sub
	}
	return ""
}

// latin returns a text with signs in the place of all but Latin letters without accents, digits, points and dashes.
func latin(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '_'
	}, s)
}
