package conversions

import (
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/scan"
)

// readQuery reads the parameters of a query: da and a (RFC 3339), passo, canale, evento, campagna, valuta, fuso. A parameter that nobody
// knows, or that comes twice, is refused: a misspelt filter would answer another question.
func readQuery(raw string, zone *time.Location) (q metric.Query, err error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return q, malformed("", conversion.CodeSyntax)
	}
	q.Zone, q.Step = zone, conversion.ByWindow
	var problems []conversion.Problem
	wrong := func(path string, code conversion.Code) {
		problems = append(problems, conversion.Problem{Path: path, Code: code})
	}
	for _, name := range []string{"da", "a"} {
		if !v.Has(name) {
			wrong(name, conversion.CodeRequired)
		}
	}
	for name, values := range v {
		if len(values) != 1 {
			wrong(known(name), conversion.CodeDuplicate)
			continue
		}
		if code := parameter(&q, name, values[0]); code != "" {
			wrong(known(name), code)
		}
	}
	if problems == nil {
		return q, nil
	}
	slices.SortFunc(problems, func(a, b conversion.Problem) int {
		return strings.Compare(a.Path+string(a.Code), b.Path+string(b.Code))
	})
	return q, &conversion.Refusal{Reason: conversion.Malformed, Problems: problems}
}

// parameters are those of a query.
var parameters = []string{"da", "a", "passo", "canale", "evento", "campagna", "valuta", "fuso"}

// known repeats the name of a parameter only if it is one.
func known(name string) string {
	if slices.Contains(parameters, name) {
		return name
	}
	return ""
}

func parameter(q *metric.Query, name, value string) conversion.Code {
	ok := true
	switch name {
	case "da":
		q.From, ok = conversion.ParseInstant(value)
	case "a":
		q.To, ok = conversion.ParseInstant(value)
	case "passo":
		q.Step = conversion.Step(value) // Check knows the four
	case "canale":
		q.Channel = conversion.Channel(value)
		if !slices.Contains(conversion.Channels(), q.Channel) {
			return conversion.CodeEnum
		}
	case "evento":
		q.Type = conversion.Type(value)
		if !slices.Contains(conversion.Types(), q.Type) {
			return conversion.CodeEnum
		}
	case "campagna":
		if q.Campaign = value; value == "" || utf8.RuneCountInString(value) > maxCampaign {
			return conversion.CodeLength
		}
		if !utf8.ValidString(value) || strings.ContainsRune(value, utf8.RuneError) {
			return conversion.CodeUnicode
		}
	case "valuta":
		q.Currency = conversion.Currency(value)
		if !q.Currency.Valid() {
			return conversion.CodeFormat
		}
	case "fuso":
		if value == "" || value == "Local" {
			return conversion.CodeEnum
		}
		zone, err := time.LoadLocation(value)
		if err != nil {
			return conversion.CodeEnum
		}
		q.Zone = zone
	default:
		return conversion.CodeUnknown
	}
	if !ok {
		return conversion.CodeFormat
	}
	return ""
}

func malformed(path string, code conversion.Code) error {
	return &conversion.Refusal{Reason: conversion.Malformed, Problems: []conversion.Problem{{Path: path, Code: code}}}
}

func invalid(path string, code conversion.Code) error {
	return &conversion.Refusal{Reason: conversion.Invalid, Problems: []conversion.Problem{{Path: path, Code: code}}}
}

// isJSON returns errMedia unless the request says that its body is JSON.
func isJSON(r door.Request) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return errMedia
	}
	return nil
}

// body decodes a JSON body strictly into v: an object whose members are among the known, none of them null. Go's decoder alone
// takes a member in any case for its own, and null for nothing.
func body(r door.Request, v any, known ...string) error {
	if err := isJSON(r); err != nil {
		return err
	}
	if len(r.Body) > conversion.MaxBody {
		return &conversion.Refusal{Reason: conversion.TooLarge, Problems: []conversion.Problem{{Path: "", Code: conversion.CodeSize}}}
	}
	if err := scan.JSON(r.Body, scan.Limits{Depth: 4}); err != nil {
		return scanned(err)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(r.Body, &members) != nil || members == nil {
		return invalid("", conversion.CodeType)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch {
		case !slices.Contains(known, name):
			return invalid("", conversion.CodeUnknown)
		case string(members[name]) == "null":
			return invalid("/"+name, conversion.CodeType)
		}
	}
	if err := json.Unmarshal(r.Body, v); err != nil {
		at := ""
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			if name, _, _ := strings.Cut(wrong.Field, "."); slices.Contains(known, name) {
				at = "/" + name
			}
		}
		return invalid(at, conversion.CodeType)
	}
	return nil
}

// scanned says what a scan has found in the words of an event's refusals.
func scanned(err error) error {
	switch {
	case errors.Is(err, scan.ErrDepth):
		return invalid("", conversion.CodeDepth)
	case errors.Is(err, scan.ErrDuplicate):
		return invalid("", conversion.CodeDuplicate)
	case errors.Is(err, scan.ErrNumber):
		return invalid("", conversion.CodeLiteral)
	case errors.Is(err, scan.ErrUTF8):
		return malformed("", conversion.CodeUTF8)
	}
	return malformed("", conversion.CodeSyntax)
}

// maxCampaign is how many characters the name of a campaign has at most, as in an event's metadata.
const maxCampaign = 200

// The years that costs are told of: what lies outside is a slip of the pen.
const firstYear, lastYear = 2000, 2099

// readCost reads PUT …/costi/{giorno}/{canale} with {"costi":{"EUR":"100.01"},"campagna":"…"}; the campaign may be missing. No
// currency at all takes the costs back.
func readCost(r door.Request) (c metric.Cost, err error) {
	day, channel, _ := strings.Cut(strings.TrimPrefix(r.Path, CostsPath), "/")
	if c.Day, err = conversion.ParseDay(day); err != nil || c.Day.Year < firstYear || c.Day.Year > lastYear {
		return c, malformed("giorno", conversion.CodeFormat)
	}
	if c.Channel = conversion.Channel(channel); !slices.Contains(conversion.Channels(), c.Channel) {
		return c, malformed("canale", conversion.CodeEnum)
	}
	var in struct {
		Costs    map[conversion.Currency]string `json:"costi"`
		Campaign string                         `json:"campagna"`
	}
	if err := body(r, &in, "costi", "campagna"); err != nil {
		return c, err
	}
	if in.Costs == nil {
		return c, invalid("/costi", conversion.CodeRequired)
	}
	if c.Campaign = in.Campaign; utf8.RuneCountInString(c.Campaign) > maxCampaign {
		return c, invalid("/campagna", conversion.CodeLength)
	}
	if strings.ContainsRune(c.Campaign, utf8.RuneError) { // what the decoder makes of half a surrogate pair
		return c, invalid("/campagna", conversion.CodeUnicode)
	}
	c.Costs = conversion.Costs{}
	var problems []conversion.Problem
	for _, currency := range slices.Sorted(maps.Keys(in.Costs)) {
		cents, err := conversion.ParseCents(in.Costs[currency])
		wrong := conversion.Problem{Path: "/costi", Code: conversion.CodeFormat} // a name that is no currency may be anything
		if currency.Valid() {
			wrong.Path += "/" + string(currency)
		}
		if (err != nil || !currency.Valid()) && !slices.Contains(problems, wrong) {
			problems = append(problems, wrong)
		}
		c.Costs[currency] = cents
	}
	if problems != nil {
		return c, &conversion.Refusal{Reason: conversion.Invalid, Problems: problems}
	}
	return c, nil
}

var entryID = regexp.MustCompile(`\A[A-Za-z0-9._:-]{8,64}\z`)

// maxVisits is how many visits one entry may tell.
const maxVisits = 1_000_000_000

// entryMembers are those of an entry; each is required.
var entryMembers = []string{"id_ingresso", "canale", "timestamp", "visite"}

// readEntry reads {"id_ingresso":"…","canale":"…","timestamp":"…","visite":12}: visits of the window that the instant lies in. A refusal
// names every problem.
func readEntry(r door.Request, now time.Time) (e metric.Entry, err error) {
	var in struct {
		ID      *string             `json:"id_ingresso"`
		Channel *conversion.Channel `json:"canale"`
		At      *string             `json:"timestamp"`
		Visits  *int64              `json:"visite"`
	}
	if err := body(r, &in, entryMembers...); err != nil {
		return e, err
	}
	var problems []conversion.Problem
	judge := func(name string, told bool, code func() conversion.Code) {
		if !told {
			problems = append(problems, conversion.Problem{Path: "/" + name, Code: conversion.CodeRequired})
		} else if c := code(); c != "" {
			problems = append(problems, conversion.Problem{Path: "/" + name, Code: c})
		}
	}
	judge("id_ingresso", in.ID != nil, func() conversion.Code {
		e.ID = *in.ID
		return unless(entryID.MatchString(e.ID), conversion.CodeFormat)
	})
	judge("canale", in.Channel != nil, func() conversion.Code {
		e.Channel = *in.Channel
		return unless(slices.Contains(conversion.Channels(), e.Channel), conversion.CodeEnum)
	})
	judge("timestamp", in.At != nil, func() (code conversion.Code) {
		e.At, code = entryTime(*in.At, now)
		return code
	})
	judge("visite", in.Visits != nil, func() conversion.Code {
		e.Entries.Visits = *in.Visits
		if *in.Visits < 1 {
			return conversion.CodeMinimum
		}
		return unless(*in.Visits <= maxVisits, conversion.CodeMaximum)
	})
	if problems != nil {
		return metric.Entry{}, &conversion.Refusal{Reason: conversion.Invalid, Problems: problems}
	}
	return e, nil
}

// unless returns the code where something does not hold.
func unless(holds bool, code conversion.Code) conversion.Code {
	if holds {
		return ""
	}
	return code
}

// entryTime reads when an entry was; what an event may not be, it may not be either.
func entryTime(text string, now time.Time) (time.Time, conversion.Code) {
	at, ok := conversion.ParseInstant(text)
	switch {
	case !ok:
		return at, conversion.CodeFormat
	case at.After(now.Add(conversion.MaxAhead)):
		return at, conversion.CodeFuture
	case at.Before(now.Add(-conversion.MaxAge)):
		return at, conversion.CodePast
	}
	return at.UTC(), ""
}
