package whatsapp

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"crm-connector/pkg/adapter/rest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/fault"
)

// failure is the envelope of an error. Page: support/error-codes, "Error response syntax".
type failure struct {
	Error struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Code    *int   `json:"code"`
		Subcode int    `json:"error_subcode"`
		Data    struct {
			Details string `json:"details"`
		} `json:"error_data"`
	} `json:"error"`
}

// subcodeMissing goes with code 100 where an object does not exist, or may not be seen by this token. Page:
// https://developers.facebook.com/docs/graph-api/guides/error-handling.
const subcodeMissing = 33

// kinds says how a failure of each class ends. Passing and throttled ones are of one kind: neither was carried out, both may
// be tried again.
var kinds = map[chat.Class]fault.Kind{
	chat.ClassToken:     fault.Denied,
	chat.ClassSetup:     fault.Setup,
	chat.ClassAccount:   fault.Setup,
	chat.ClassRequest:   fault.Refused,
	chat.ClassRecipient: fault.Refused,
	chat.ClassWindow:    fault.Refused,
	chat.ClassOptOut:    fault.Refused,
	chat.ClassHeld:      fault.Refused,
	chat.ClassIdentity:  fault.Refused,
	chat.ClassContent:   fault.Refused,
	chat.ClassThrottle:  fault.Throttled,
	chat.ClassPassing:   fault.Throttled,
}

// The waits that are meant where an answer names none.
const (
	waitPassing = time.Second
	waitNumber  = time.Second      // 130429: messages a second
	waitCalls   = 5 * time.Minute  // 4, 80007: calls an hour
	waitBlocked = 15 * time.Minute // 131048, 131064, 133016: Meta counts over days
)

func waitOf(code int) time.Duration {
	switch code {
	case chat.CodeNumberRate:
		return waitNumber
	case chat.CodePairRate:
		return chat.PairBackoff(1) // the caller counts and waits longer: chat.PairBackoff
	case 4, 80007:
		return waitCalls
	}
	return waitBlocked
}

// judge is the fault table: it says what a status and a body of Meta mean, nil for 2xx. Meta asks to go by the code and not
// by the status. An answer of 5xx without a code leaves open whether the call was carried out: fault.Down. The retry is the
// answer's Retry-After, 0 when it has none. The values in sent are cut out of every text.
func judge(op string, status int, retry time.Duration, body []byte, sent []string) error {
	if status >= 200 && status < 300 {
		return nil
	}
	var f failure
	if json.Unmarshal(body, &f) != nil || f.Error.Code == nil {
		return rest.Judge(op, status, nil, nil)
	}
	code := *f.Error.Code
	e := &fault.Error{Op: op, Code: strconv.Itoa(code), Err: errors.New(words(f, code, sent))}
	class := chat.ClassOf(code)
	switch kind, known := kinds[class]; {
	case code == 100 && f.Error.Subcode == subcodeMissing:
		e.Kind = fault.Missing
	case known:
		e.Kind = kind
	default:
		e.Kind = unforeseen(status)
	}
	switch class {
	case chat.ClassThrottle:
		e.After = waitOf(code)
	case chat.ClassPassing:
		e.After = waitPassing
	}
	if retry > 0 {
		e.After = retry
	}
	return e
}

// unforeseen is the kind of a code that no table knows.
func unforeseen(status int) fault.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return fault.Denied
	case status == http.StatusTooManyRequests:
		return fault.Throttled
	case status >= 500:
		return fault.Down
	}
	return fault.Unknown
}

// words returns what the code means, and Meta's own words where they say more.
func words(f failure, code int, sent []string) string {
	out := chat.Meaning(code, chat.English)
	told := f.Error.Data.Details
	if told == "" {
		told = f.Error.Message
	}
	told = strings.TrimPrefix(told, "(#"+strconv.Itoa(code)+") ")
	if told = clean(told, sent); told != "" {
		out += ": " + told
	}
	return out
}

// CodeOf returns Meta's code of a fault of this package, false when the answer had none; chat.ClassOf says what it asks for.
func CodeOf(err error) (int, bool) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return 0, false
	}
	code, err := strconv.Atoi(e.Code)
	return code, err == nil
}

// The forms in which Meta repeats a value; compiled when first asked for.
var forms = sync.OnceValue(func() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`"[^"]*("|$)|'[^']*('|$)`), regexp.MustCompile(`\S*@\S*`), regexp.MustCompile(`[A-Z]{2}\.\S+|\+?\d[\d ()./-]{3,}\d`),
	}
})

// The bounds of a message that is kept.
const (
	mostWords = 2 << 10 // bytes that are looked at
	longest   = 200     // characters
)

// clean returns Meta's words without any value: what was sent, what they quote, addresses, ids and numbers of five digits and
// more.
func clean(s string, sent []string) string {
	s = rest.Without(strings.ToValidUTF8(s[:min(len(s), mostWords)], ""), sent)
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	for _, form := range forms() {
		s = form.ReplaceAllString(s, "…")
	}
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "…"
	}
	return s
}
