package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"time"

	"crm-connector/pkg/core/letter"
)

var (
	errSender    = errors.New("the sender is not one e-mail address")
	errRecipient = errors.New("the recipients are not 1 to 50 e-mail addresses")
)

// compose writes the letter as multipart/alternative, text first. Every header is either a constant, an address that was
// parsed and written anew, an encoded word, or of letters and digits only, so no line can be slipped in.
func compose(m letter.Mail, now time.Time) (raw []byte, recipients []string, sender string, err error) {
	senders, err := letter.Addresses(m.From)
	if err != nil || len(senders) != 1 {
		return nil, nil, "", errSender
	}
	from := senders[0]
	to, err := letter.Addresses(m.To)
	if err != nil || len(to) > letter.MaxRecipients {
		return nil, nil, "", errRecipient
	}
	shown := make([]string, len(to))
	for i, a := range to {
		shown[i] = a.String()
		recipients = append(recipients, a.Address)
	}
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	if err := parts.SetBoundary(boundary(m)); err != nil {
		return nil, nil, "", fmt.Errorf("boundary: %w", err)
	}
	var b bytes.Buffer
	_, host, _ := strings.Cut(from.Address, "@")
	for _, h := range [][2]string{
		{"From", from.String()},
		{"To", strings.Join(shown, ",\r\n ")},
		{"Subject", mime.QEncoding.Encode("utf-8", m.Subject)},
		{"Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + plain(m.ID) + "@" + host + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", `multipart/alternative; boundary="` + parts.Boundary() + `"`},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	for _, p := range []struct{ kind, text string }{{"text/plain", m.Text}, {"text/html", m.HTML}} {
		if err := part(parts, p.kind, p.text); err != nil {
			return nil, nil, "", err
		}
	}
	if err := parts.Close(); err != nil {
		return nil, nil, "", fmt.Errorf("part: %w", err)
	}
	b.Write(body.Bytes())
	return b.Bytes(), recipients, from.Address, nil
}

func part(parts *multipart.Writer, kind, text string) error {
	w, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {kind + "; charset=utf-8"},
		"Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return fmt.Errorf("part: %w", err)
	}
	q := quotedprintable.NewWriter(w)
	if _, err := q.Write([]byte(lineEnds.Replace(text))); err != nil {
		return fmt.Errorf("part: %w", err)
	}
	if err := q.Close(); err != nil {
		return fmt.Errorf("part: %w", err)
	}
	return nil
}

// lineEnds makes one kind of line end of three: a lone carriage return unsettles the encoder, which then takes a later line
// feed for the second half of it.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// boundary is the same for the same letter, and no line of quoted-printable can hold it: there "=" is followed by a digit
// or a line break.
func boundary(m letter.Mail) string {
	sum := sha256.Sum256([]byte(m.ID + "\x00" + m.Text + "\x00" + m.HTML))
	return "=_" + hex.EncodeToString(sum[:16])
}

// plain makes an id fit for a tag and a header: letters, digits, dot, hyphen and underscore, at most 64, anything else a
// hyphen; "none" for no id.
func plain(id string) string {
	if id == "" {
		return "none"
	}
	clean := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '-'
	}, id)
	return clean[:min(len(clean), 64)]
}
