package chat

import (
	"fmt"
	"strings"
	"time"

	"crm-connector/pkg/core/crm"
)

// Render returns a message as people read it in a CRM: one line, in the language of the stack, for every type. A text is
// itself; what is not text stands in brackets; a type that nobody knows yet is named. Errors that came with the message stand
// at its end. The line holds no control characters; it is a person's data: never log it.
func Render(m Message, lang Language) string {
	w := wordsOf(lang)
	r := rendering{w: w, lang: lang}
	r.origin(m)
	r.content(m, m.Type)
	if len(r.parts) == 0 && len(m.Errors) == 0 {
		r.bracket(w.empty)
	}
	for _, e := range m.Errors {
		r.add("(" + fmt.Sprintf(w.fault, e.Code, Meaning(e.Code, lang)) + ")")
	}
	return strings.Join(r.parts, " ")
}

type rendering struct {
	w     *words
	lang  Language
	parts []string
}

func (r *rendering) add(part string) {
	if part != "" {
		r.parts = append(r.parts, part)
	}
}

func (r *rendering) text(v crm.Value) { r.add(line(v.Text())) }

// bracket says what it is, and more of it where there is more.
func (r *rendering) bracket(what string, more ...string) {
	for _, m := range more {
		if m = line(m); m != "" {
			what += " " + m
		}
	}
	r.add("[" + what + "]")
}

// origin says where the message comes from.
func (r *rendering) origin(m Message) {
	var from []string
	if m.Group.Filled() {
		from = append(from, r.w.group)
	}
	switch m.Forwarded {
	case ForwardedOnce:
		from = append(from, r.w.forwarded)
	case ForwardedOften:
		from = append(from, r.w.forwardedOften)
	}
	if m.Product.Article != "" && m.Type != TypeOrder {
		from = append(from, fmt.Sprintf(r.w.product, line(m.Product.Article)))
	} else if m.About.Filled() && m.Type == TypeText {
		from = append(from, r.w.answers)
	}
	if headline := line(m.Ad.Headline.Text()); headline != "" {
		from = append(from, fmt.Sprintf(r.w.adNamed, headline))
	} else if m.Ad != (Ad{}) {
		from = append(from, r.w.ad)
	}
	if from != nil {
		r.add("(" + strings.Join(from, ", ") + ")")
	}
}

// content renders the message as if it were of the type.
func (r *rendering) content(m Message, as Type) {
	switch as {
	case TypeText:
		r.text(m.Text)
	case TypeImage, TypeVideo, TypeAudio, TypeDocument, TypeSticker:
		r.media(m, as)
	case TypeLocation:
		r.place(m.Place)
	case TypeContacts:
		r.cards(m.Cards)
	case TypeInteractive:
		r.interactive(m)
	case TypeButton:
		r.bracket(r.w.button)
		r.text(m.Text)
	case TypeReaction:
		r.reaction(m)
	case TypeOrder:
		r.order(m)
	case TypeSystem:
		r.system(m)
	case TypeUnsupported:
		r.unsupported(m)
	case TypeRevoke:
		r.bracket(r.w.revoked)
	case TypeTemplate:
		r.bracket(r.w.template, m.Kind)
		r.form(m)
	case TypeEdit:
		r.bracket(r.w.edited)
		if m.Kind != "" && m.Kind != string(TypeEdit) {
			r.content(m, Type(m.Kind))
		}
	default:
		r.bracket(fmt.Sprintf(r.w.unknown, line(string(as))))
		r.form(m)
	}
}

func (r *rendering) media(m Message, as Type) {
	what := map[Type]string{TypeImage: r.w.image, TypeVideo: r.w.video, TypeAudio: r.w.audio, TypeDocument: r.w.document, TypeSticker: r.w.sticker}[as]
	switch {
	case as == TypeAudio && m.Media.Voice:
		what = r.w.voice
	case as == TypeSticker && m.Media.Animated:
		what = r.w.animated
	}
	r.bracket(what, m.Media.Filename.Text())
	r.text(m.Text)
}

func (r *rendering) place(p Place) {
	r.bracket(r.w.location)
	var names []string
	for _, v := range []crm.Value{p.Name, p.Address} {
		if s := line(v.Text()); s != "" {
			names = append(names, s)
		}
	}
	r.add(strings.Join(names, ", "))
	if p.Latitude != "" && p.Longitude != "" {
		r.add("(" + line(p.Latitude) + ", " + line(p.Longitude) + ")")
	}
	r.text(p.URL)
}

func (r *rendering) cards(cards []Card) {
	what := r.w.contact
	if len(cards) > 1 {
		what = r.w.contacts
	}
	if len(cards) == 1 && cards[0].Origin == OriginRequest {
		what = r.w.ownNumber
	}
	r.bracket(what)
	var all []string
	for _, c := range cards {
		var of []string
		for _, v := range append(append([]crm.Value{c.Name, c.Company}, c.Phones...), c.Emails...) {
			if s := line(v.Text()); s != "" {
				of = append(of, s)
			}
		}
		if len(of) > 0 {
			all = append(all, strings.Join(of, ", "))
		}
	}
	r.add(strings.Join(all, "; "))
}

func (r *rendering) interactive(m Message) {
	switch m.Kind {
	case KindButtonReply:
		r.bracket(r.w.button)
		r.text(m.Text)
	case KindListReply:
		r.bracket(r.w.choice)
		r.add(joined(m.Text.Text(), m.More.Text()))
	case KindFormReply:
		r.bracket(r.w.form)
		r.form(m)
	case KindCallPermission:
		if m.Choice == crm.Text("accept") {
			r.bracket(r.w.callYes)
		} else {
			r.bracket(r.w.callNo)
		}
	default:
		r.bracket(joined(r.w.reply, m.Kind))
		r.form(m)
	}
}

// form renders what has names, and the text where nothing has.
func (r *rendering) form(m Message) {
	var answers []string
	for _, d := range m.Form {
		answers = append(answers, joined(d.Name, d.Value.Text()))
	}
	if answers == nil {
		r.text(m.Text)
		return
	}
	r.add(strings.Join(answers, "; "))
}

func (r *rendering) reaction(m Message) {
	if !m.Text.Filled() {
		r.bracket(r.w.unreacted)
		return
	}
	r.bracket(r.w.reaction)
	r.text(m.Text)
}

func (r *rendering) order(m Message) {
	r.bracket(r.w.order)
	var items []string
	for _, i := range m.Items {
		item := line(i.Article)
		if i.Quantity != "" {
			item = fmt.Sprintf(r.w.times, line(i.Quantity), item)
		}
		items = append(items, strings.TrimSpace(strings.Join([]string{item, line(i.Price), line(i.Currency)}, " ")))
	}
	r.add(strings.Join(items, "; "))
	if text := line(m.Text.Text()); text != "" {
		r.add("– " + text)
	}
}

func (r *rendering) system(m Message) {
	now, before := line(m.Changed.Phone.Text()), line(m.From.Phone.Text())
	switch m.Kind {
	case KindNumberChanged, KindCustomerNumber:
		switch {
		case now != "" && before != "" && now != before:
			r.bracket(fmt.Sprintf(r.w.numberAnd, "+"+before, "+"+now))
		case now != "":
			r.bracket(fmt.Sprintf(r.w.numberTo, "+"+now))
		default:
			r.bracket(r.w.numberOnly)
		}
	case KindUserChanged:
		r.bracket(r.w.userChanged)
	case KindCustomerIdentity:
		r.bracket(r.w.identity)
	default:
		r.bracket(joined(r.w.system, m.Kind))
		r.text(m.Text)
	}
}

func (r *rendering) unsupported(m Message) {
	if m.Kind == "" {
		r.bracket(r.w.unsupported)
		return
	}
	r.bracket(fmt.Sprintf(r.w.unsupportedKind, line(m.Kind)))
}

// joined puts the texts that are there on one line, with a colon between them.
func joined(texts ...string) string {
	var out []string
	for _, s := range texts {
		if s = line(s); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, ": ")
}

// StatusLine returns the last line of a logged message of the business: how far it has come, when, in the time of the zone,
// and the errors with their codes and what they mean if it was not delivered. It is "" for a track that was told nothing.
func StatusLine(t Track, lang Language, zone *time.Location) string {
	if len(t.steps) == 0 {
		return ""
	}
	w, state := wordsOf(lang), t.State()
	word := w.states[state]
	if word == "" {
		word = w.otherState
	}
	out := w.state + ": " + word
	if at, told := t.At(state); told && !at.IsZero() {
		layout := "2006-01-02 15:04"
		if lang == Italian {
			layout = "02/01/2006 15:04"
		}
		out += ", " + at.In(zone).Format(layout)
	}
	if state != Failed {
		return out
	}
	for _, e := range t.errors {
		out += " (" + fmt.Sprintf(w.fault, e.Code, Meaning(e.Code, lang)) + ")"
	}
	return out
}
