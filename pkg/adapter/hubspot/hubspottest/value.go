package hubspottest

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxText is the longest text of a property. HubSpot docs: Properties, limits (65,536 characters).
const maxText = 65_536

// normal returns the value as HubSpot stores it, and whether that is worth a warning, or the reason why it is not taken.
// HubSpot docs: Properties, "Property type and fieldType values".
func (s *Server) normal(p *Property, value, before string) (stored string, warn bool, f *fail) {
	bad := func(code, message string) (string, bool, *fail) {
		return "", false, &fail{name: p.Name, value: value, code: code, message: message}
	}
	if value == "" {
		return "", false, nil
	}
	// HubSpot changelog: "Enhanced validations for non-string properties" (April 2025).
	if p.Type != "string" && strings.TrimFunc(value, blank) != value {
		return bad("LEADING_TRAILING_WHITESPACE", `"`+value+`" includes leading or trailing whitespace.`)
	}
	switch p.Type {
	case "number":
		if !isNumber(value) { // captured: exponents are refused, and the code is INVALID_INTEGER for every number
			return bad("INVALID_INTEGER", value+" was not a valid number.")
		}
	case "date":
		day, exact, ok := parseDay(value)
		if !ok {
			return bad("INVALID_LONG", value+" was not a valid long.")
		}
		return day, !exact, nil
	case "datetime":
		at, ok := parseInstant(value)
		if !ok {
			return bad("INVALID_LONG", value+" was not a valid long.")
		}
		return stamp(at), false, nil
	case "bool":
		if value != "true" && value != "false" {
			return bad("INVALID_OPTION", value+" was not one of the allowed options: [true, false]")
		}
	case "enumeration":
		return s.option(p, value, before)
	default:
		limit := or(p.Max, maxText)
		if utf8.RuneCountInString(value) > limit { // assembled: the limit is documented, the code is not
			return bad("VALUE_TOO_LONG", "Property value is longer than the maximum of "+strconv.Itoa(limit)+" characters.")
		}
		switch p.Name {
		case "email":
			address := strings.ToLower(strings.TrimSpace(value))
			if !isEmail(address) {
				return bad("INVALID_EMAIL", "Email address "+value+" is invalid")
			}
			return address, false, nil
		case "domain":
			return strings.ToLower(strings.TrimSpace(value)), false, nil
		}
	}
	return value, false, nil
}

func blank(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' }

// option checks an enumeration: the internal value, in its own case. Several are joined by ";"; a leading ";" adds to what
// is there. HubSpot docs: Properties, "Add values to checkbox type properties"; the message is a capture of 2026.
func (s *Server) option(p *Property, value, before string) (string, bool, *fail) {
	if p.owner {
		for _, o := range s.owners {
			if o.ID == value {
				return value, false, nil
			}
		}
		return "", false, &fail{p.Name, value, "INVALID_OWNER_ID", "Owner " + value + " does not exist"} // assembled
	}
	if p.FieldType != "checkbox" {
		if !p.allows(value) {
			return "", false, p.noOption(value)
		}
		return value, false, nil
	}
	var members []string
	if rest, add := strings.CutPrefix(value, ";"); add {
		value = rest
		if before != "" {
			members = strings.Split(before, ";")
		}
	}
	for m := range strings.SplitSeq(value, ";") {
		if !p.allows(m) {
			return "", false, p.noOption(m)
		}
		if !slices.Contains(members, m) {
			members = append(members, m)
		}
	}
	return strings.Join(members, ";"), false, nil
}

func (p *Property) noOption(value string) *fail {
	names := make([]string, len(p.Options))
	for i, o := range p.Options {
		names[i] = o.Value
	}
	return &fail{p.Name, value, "INVALID_OPTION", value + " was not one of the allowed options: [" + strings.Join(names, ", ") + "]"}
}

func (p *Property) allows(value string) bool { return p.rank(value) >= 0 }

func (p *Property) rank(value string) int {
	return slices.IndexFunc(p.Options, func(o Option) bool { return o.Value == value })
}

func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, part, dot := strings.Cut(s, ".")
	return isDigits(whole) && (!dot || isDigits(part))
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// parseDay reads a civil date or an instant in milliseconds. What is not midnight UTC is taken for its day, with a
// warning: version 2026-09 normalises where earlier ones refused (PROPERTY_VALUE_NORMALIZED).
func parseDay(s string) (day string, exact, ok bool) {
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		return s, true, true
	}
	at, ok := parseInstant(s)
	if !ok {
		return "", false, false
	}
	return at.Format(time.DateOnly), at.Equal(at.Truncate(24 * time.Hour)), true
}

// parseInstant reads ISO 8601 or milliseconds since 1970.
func parseInstant(s string) (time.Time, bool) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && isDigits(strings.TrimPrefix(s, "-")) {
		return time.UnixMilli(ms).UTC(), true
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC().Truncate(time.Millisecond), true
	}
	at, err := time.Parse(time.DateOnly, s)
	return at, err == nil
}

// isEmail accepts one "@", a local part of the usual characters, and a host of two or more labels that ends in letters.
func isEmail(s string) bool {
	local, host, ok := strings.Cut(s, "@")
	if !ok || !isAtoms(local, "!#$%&'*+/=?^_`{|}~-.") || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return false
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if !isAtoms(l, "-") || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
	}
	top := labels[len(labels)-1]
	return len(labels) > 1 && len(top) > 1 && (strings.HasPrefix(top, "xn--") || !strings.ContainsAny(top, "0123456789-"))
}

func isAtoms(s, extra string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && r < 0x80 && !strings.ContainsRune(extra, r) {
			return false
		}
		if r >= 0x80 && !unicode.IsLetter(r) {
			return false
		}
	}
	return s != ""
}
