package whatsapptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// How long things live. Page: business-phone-numbers/media (addresses 5 minutes; ids of webhooks 7 days).
const (
	addressLife = 5 * time.Minute
	mediaLife   = 7 * 24 * time.Hour
)

// file is what a person attached.
type file struct {
	id, mime string
	data     []byte
	at       time.Time
	until    map[string]bool // the addresses that were given out
}

// attach keeps a file that a person sends.
func (s *Server) attach(mime string, data []byte) *file {
	s.serial++
	f := &file{id: strconv.Itoa(1_003_383_421_000_000 + s.serial), mime: mime, data: data, at: s.now(), until: map[string]bool{}}
	s.media[f.id] = f
	return f
}

func (f *file) base64() string {
	sum := sha256.Sum256(f.data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// mediaURL answers where a file can be fetched. Page: business-phone-numbers/media, "Retrieve media URL".
func (s *Server) mediaURL(q *request) (answer, *refusal) {
	f := s.media[q.id]
	if f == nil || s.now().Sub(f.at) >= mediaLife {
		return answer{}, unsupported(q.method, q.id)
	}
	sum := sha256.Sum256(f.data)
	until := strconv.FormatInt(s.now().Add(addressLife).Unix(), 10)
	f.until[until] = true
	base := q.base
	if base == "https://graph.facebook.com" { // whoever calls the sandbox by Meta's own name is led to Meta's own host of files
		base = "https://lookaside.fbsbx.com"
	}
	return ok(map[string]any{
		"url": fmt.Sprintf("%s/media/%s?ext=%s&hash=AR%%2B%s", base, f.id, until, f.id), "mime_type": f.mime, "sha256": hex.EncodeToString(sum[:]),
		"file_size": len(f.data), "id": f.id, "messaging_product": "whatsapp",
	})
}

// download answers the bytes while the address lives. Page: business-phone-numbers/media, "Download media" (404 afterwards).
func (s *Server) download(q *request) (answer, *refusal) {
	f := s.media[q.id]
	ext, _ := strconv.ParseInt(q.query.Get("ext"), 10, 64) // what was given out is a number
	if f == nil || !f.until[q.query.Get("ext")] || s.now().Unix() >= ext {
		return answer{status: http.StatusNotFound, body: []byte("Not Found"), kind: "text/plain"}, nil
	}
	return answer{status: http.StatusOK, body: f.data, kind: f.mime}, nil
}
