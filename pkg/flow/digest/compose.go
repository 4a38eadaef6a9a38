package digest

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strconv"
	"strings"
	"sync"
	texttemplate "text/template"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
	"crm-connector/pkg/core/letter"
)

//go:embed mail.html.tmpl mail.txt.tmpl
var files embed.FS

// templates are those of a mail, parsed when the first one is written.
var templates struct {
	once sync.Once
	html *htmltemplate.Template
	text *texttemplate.Template
}

func parse() (html *htmltemplate.Template, text *texttemplate.Template) {
	templates.once.Do(func() {
		templates.html = htmltemplate.Must(htmltemplate.ParseFS(files, "mail.html.tmpl"))
		templates.text = texttemplate.Must(texttemplate.ParseFS(files, "mail.txt.tmpl"))
	})
	return templates.html, templates.text
}

// shown is the longest message that a mail repeats, in characters.
const shown = 300

// pageData is what the templates see. Every string in it is clean.
type pageData struct {
	Words words
	ID    string
	Title string
	Again bool
	Left  string // how many rows follow in the next mail, "" when none
	Next  string // what becomes of the rows
	Items []item
}

// item is one parked row as a person reads it.
type item struct {
	Operation string
	Records   []link // the record whose change failed, then its twin and others to look at, if there are any
	Field     string // "" for a message without a record
	Error     string
	Code      string
	Todo      string
	When      string
}

// link is a record with the address where it is seen, "" when that is not known.
type link struct {
	Label   string // what the record is to the row
	Text    string
	Address string
}

// compose writes the mail. The subject is a constant and the number of rows; nothing that came from outside is in it.
func (r *Reporter) compose(w words, id string, rows []fault.Parked, again bool, left int) (letter.Mail, error) {
	slices.SortStableFunc(rows, func(a, b fault.Parked) int {
		return cmp.Or(cmp.Compare(a.Record.String(), b.Record.String()), a.First.Compare(b.First), cmp.Compare(a.Field, b.Field))
	})
	p := pageData{Words: w, ID: clean(id), Title: counted(w.TitleOne, w.TitleMany, len(rows)), Again: again, Next: w.Next}
	if left > 0 {
		p.Left = counted(w.LeftOne, w.LeftMany, left)
	}
	if slices.ContainsFunc(rows, ofChats) {
		p.Next = w.NextChats
	}
	for _, row := range rows {
		p.Items = append(p.Items, r.item(w, row))
	}
	htmlMail, textMail := parse()
	var text, html bytes.Buffer
	if err := textMail.Execute(&text, p); err != nil {
		return letter.Mail{}, fmt.Errorf("digest.Run: %w", err)
	}
	if err := htmlMail.Execute(&html, p); err != nil {
		return letter.Mail{}, fmt.Errorf("digest.Run: %w", err)
	}
	return letter.Mail{
		ID: id, From: r.From, To: r.To, Subject: counted(w.SubjectOne, w.SubjectMany, len(rows)),
		Text: text.String(), HTML: html.String(),
	}, nil
}

func counted(one, many string, n int) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

func (r *Reporter) item(w words, p fault.Parked) item {
	target := p.Target
	if target == "" {
		target = p.Record.System.Other()
	}
	names := strings.NewReplacer("{source}", system(apart(p.Record.System, target)), "{target}", system(target), "{count}", strconv.Itoa(p.Count), "{on}", r.in(w.On, p.GoneAt))
	from := cmp.Or(p.Source, p.Record.System)
	to := target
	if !p.Record.IsZero() {
		to = apart(target, from)
	}
	it := item{
		Operation: strings.NewReplacer("{source}", system(from), "{target}", system(to)).Replace(operation(w, p)),
		Field:     clean(string(p.Field)),
		Error:     cut(clean(cmp.Or(names.Replace(w.Causes[p.Code+" "+string(p.Hint)]), names.Replace(w.Causes[p.Code]), names.Replace(chatCause(w, p)), p.Message)), shown),
		Code:      cut(clean(p.Code), shown),
		Todo:      names.Replace(cmp.Or(w.Hints[p.Hint], w.Hints[fault.HintNone])),
	}
	for _, l := range records(w, p) {
		if !l.id.IsZero() {
			it.Records = append(it.Records, r.link(w, l.label, l.id))
		}
	}
	if property := clean(p.Property); it.Field == "" {
		it.Field = property
	} else if property != "" && !strings.EqualFold(property, it.Field) {
		it.Field += names.Replace(" ({target}: ") + property + ")"
	}
	if it.Field == "" && !p.Record.IsZero() && !ofChats(p) {
		it.Field = w.WholeRecord
	}
	if it.Error == "" {
		it.Error = names.Replace(cmp.Or(w.Classes[p.Class], w.Classes[fault.Unknown]))
	}
	it.When = w.Since + " " + r.in(w.Clock, p.First)
	if p.Count > 1 && p.Hint != fault.HintBrake { // it says itself how often
		it.When += ", " + fmt.Sprintf(w.Times, p.Count)
	}
	return it
}

// untranslatable is the key of a cause that has words of its own by what is wrong with the value.
func untranslatable(h fault.Hint) string { return fault.CauseUntranslatable + " " + string(h) }

// apart returns a system, or the other CRM where it is the same as the one beside it: what is said of two systems is never said of one.
func apart(sys, beside crm.System) crm.System {
	if sys == beside {
		return sys.Other()
	}
	return sys
}

// labelled is a record and what it is to the row.
type labelled struct {
	label string
	id    crm.ID
}

// records are those of a row, in the order in which a person looks at them: of a message its contact comes first.
func records(w words, p fault.Parked) []labelled {
	out := []labelled{{w.Record, p.Record}}
	if p.TargetID != p.Record {
		out = append(out, labelled{w.Twin, p.TargetID})
	}
	other := w.Other
	if ofChats(p) {
		out = []labelled{{w.Record, p.TargetID}}
		if p.Hint != fault.HintMergeTwins && p.Code == fault.CauseTwin {
			other = w.Perhaps
		}
	}
	out = append(out, labelled{other, p.Other})
	for _, id := range p.More {
		out = append(out, labelled{other, id})
	}
	if ofChats(p) && p.Hint != fault.HintMergeTwins {
		out = append(out, labelled{w.Message, p.Record})
	}
	return out
}

// in writes a time in the client's zone, "" for none.
func (r *Reporter) in(layout string, at time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case r.Zone == nil:
		return at.UTC().Format(layout)
	}
	return at.In(r.Zone).Format(layout)
}

// operation says in words what could not be carried out.
func operation(w words, p fault.Parked) string {
	switch {
	case p.Hint == fault.HintBrake:
		return w.Brake
	case p.Record.System == "":
		return w.Unread
	case ofChats(p) && p.Hint == fault.HintMergeTwins:
		return w.Twins
	case p.Record.IsZero():
		return cmp.Or(w.Drift[p.Kind], w.Drift[crm.Contact])
	}
	verb := p.Verb
	if p.Hint == fault.HintErase { // whatever told of the record that is to be erased
		verb = crm.Erase
	}
	byKind, ok := w.Operations[verb]
	if !ok {
		byKind = w.Operations[crm.Update]
	}
	return cmp.Or(byKind[p.Kind], byKind[crm.Contact])
}

func (r *Reporter) link(w words, label string, id crm.ID) link {
	module := cmp.Or(w.Modules[id.Module], w.Modules[crm.Contacts])
	if id.System == crm.WhatsApp {
		return link{Label: label, Text: clean(system(id.System) + " · " + id.Key)}
	}
	l := link{Label: label, Text: clean(system(id.System) + " · " + module + " " + id.Key)}
	if r.Links != nil {
		l.Address = web(r.Links(id))
	}
	return l
}

// system is the name by which people know a system.
func system(s crm.System) string {
	switch s {
	case crm.HubSpot:
		return "HubSpot"
	case crm.Zoho:
		return "Zoho CRM"
	case crm.WhatsApp:
		return "WhatsApp"
	}
	return clean(string(s))
}
