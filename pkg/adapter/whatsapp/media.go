package whatsapp

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/fault"
)

// CodeTooLarge is the code of a fault of kind Refused: the file has more bytes than the caller takes.
const CodeTooLarge = "TOO_LARGE"

type wireFile struct {
	URL    string `json:"url"`
	MIME   string `json:"mime_type"`
	SHA256 string `json:"sha256"`
	Size   loose  `json:"file_size"`
}

// Media fetches an attachment by its id: first its address, which lives for 5 minutes, then its bytes, from Meta's hosts only.
// A file of more than most bytes is fault.Refused with CodeTooLarge, one that is gone (ids of webhooks live for 7 days) is
// fault.Missing, and one whose bytes are not those that were sent is fault.Down. Page: business-phone-numbers/media.
func (c *Client) Media(ctx context.Context, id string, most int64) (chat.Attachment, error) {
	const op = "whatsapp.Media"
	var data []byte
	var f wireFile
	for try := 0; ; try++ {
		if err := c.get(ctx, op, node(id), nil, &f); err != nil {
			return chat.Attachment{}, err
		}
		if size, err := strconv.ParseInt(string(f.Size), 10, 64); err == nil && size > most {
			return chat.Attachment{}, tooLarge(op)
		}
		var err error
		data, err = c.download(ctx, op, f.URL, most)
		if fault.KindOf(err) == fault.Missing && try == 0 {
			continue // the address has died meanwhile
		}
		if err != nil {
			return chat.Attachment{}, err
		}
		break
	}
	if !same256(data, f.SHA256) {
		return chat.Attachment{}, &fault.Error{Op: op, Kind: fault.Down, Err: errors.New("the bytes are not those that were sent")}
	}
	return chat.Attachment{MIME: f.MIME, Data: data}, nil
}

func tooLarge(op string) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Refused, Code: CodeTooLarge, Err: errors.New("the attachment is too large")}
}

// mediaHosts are Meta's hosts of attachments, with everything below them.
var mediaHosts = []string{"fbsbx.com", "fbcdn.net", "whatsapp.net"}

// trusted reports whether the token may be sent to the address: by https to one of Meta's hosts, or to the API itself where
// that is not Meta's (the desk).
func (c *Client) trusted(u *url.URL) bool {
	if u.User != nil {
		return false
	}
	if base, err := url.Parse(c.base); err == nil && c.base != DefaultBaseURL && u.Scheme == base.Scheme && u.Host == base.Host {
		return true
	}
	if u.Scheme != "https" || u.Port() != "" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	for _, h := range mediaHosts {
		if host == h || strings.HasSuffix(host, "."+h) {
			return true
		}
	}
	return false
}

// download fetches the bytes behind an address, without following it elsewhere.
func (c *Client) download(ctx context.Context, op, address string, most int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || !c.trusted(u) {
		return nil, &fault.Error{Op: op, Kind: fault.Refused, Code: "FOREIGN_HOST", Err: errors.New("the attachment lies on a host that is not Meta's")}
	}
	client := c.rest
	client.Base, client.MaxBody, client.HTTP = u.Scheme+"://"+u.Host, most+1, upTo{c.rest.HTTP, most + 1}
	client.Authorize = func(ctx context.Context, r *http.Request) error {
		r.URL.RawQuery = u.RawQuery // exactly as it was given: it may be signed
		return c.authorize(ctx, r)
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	answer, err := client.Do(ctx, rest.Call{Op: op, Path: path, Timeout: mediaTimeout, Raw: true, Repeat: true}, nil)
	if err == nil && int64(len(answer.Body)) > most {
		return nil, tooLarge(op)
	}
	return answer.Body, err
}

// upTo ends answers after some bytes: one more than wanted tells that there are too many, and no more are read.
type upTo struct {
	next http.RoundTripper
	most int64
}

// RoundTrip is the next round tripper's, with a shorter body.
func (u upTo) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := u.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, u.most), resp.Body}
	return resp, nil
}

// same256 reports whether the sum is that of the data: hexadecimal from the API, base64 in webhooks. None is taken.
func same256(data []byte, sum string) bool {
	if sum == "" {
		return true
	}
	got := sha256.Sum256(data)
	return strings.EqualFold(sum, hex.EncodeToString(got[:])) || sum == base64.StdEncoding.EncodeToString(got[:])
}
