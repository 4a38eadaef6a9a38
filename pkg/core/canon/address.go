package canon

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Longest address, its part before the @, host name and label, in bytes (RFC 5321, RFC 1035).
const (
	maxAddress = 254
	maxLocal   = 64
	maxHost    = 253
	maxLabel   = 63
)

// Email returns the address in lower case. It is stricter than RFC 5322: one address, no display name, no quoted part, a
// host name with a dot and a top level that is no number. Letters beyond ASCII are taken as they are.
func Email(s string) (string, error) {
	s = lower(visible(Text(s)))
	local, host, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxAddress || !localPart(local) || !hostName(host) {
		return "", errEmail
	}
	return s, nil
}

// Local returns what stands before the @ of a canonical address.
func Local(email string) string {
	local, _, _ := strings.Cut(email, "@")
	return local
}

func localPart(s string) bool {
	if s == "" || len(s) > maxLocal || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for _, r := range s {
		if !letter(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r) {
			return false
		}
	}
	return true
}

// Domain returns the host of a web address or a bare host name, in lower case, without www., port, path and user. Labels beyond ASCII
// are in Punycode, which every system takes (RFC 3492): müller.example is xn--mller-kva.example.
func Domain(s string) (string, error) {
	s = lower(visible(Text(s)))
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s = strings.TrimPrefix(s, "//") // of a page's own scheme
	if end := strings.IndexAny(s, `/\?#`); end >= 0 {
		s = s[:end]
	}
	s, _, _ = strings.Cut(s, ":")
	s = strings.TrimSuffix(s, ".")
	for {
		bare, ok := strings.CutPrefix(s, "www.")
		if !ok || !hostName(bare) {
			break
		}
		s = bare
	}
	if !hostName(s) {
		return "", errDomain
	}
	if ascii, err := idna.Punycode.ToASCII(s); err == nil && hostName(ascii) {
		return ascii, nil
	}
	return s, nil
}

// Letters returns a canonical host as people write it, in letters instead of Punycode, where that is another way to write the same.
func Letters(host string) string {
	if s, err := idna.Punycode.ToUnicode(host); err == nil {
		if back, err := Domain(s); err == nil && back == host {
			return s
		}
	}
	return host
}

// Within reports whether a canonical host is the domain or lies below it.
func Within(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// hostName reports whether s has two or more proper labels, the last of them with two or more characters and no number.
func hostName(s string) bool {
	if len(s) > maxHost {
		return false
	}
	labels := strings.Split(s, ".")
	if len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > maxLabel || l[0] == '-' || l[len(l)-1] == '-' || strings.ContainsFunc(l, notInLabel) {
			return false
		}
	}
	top := labels[len(labels)-1]
	return utf8.RuneCountInString(top) >= 2 && strings.ContainsFunc(top, unicode.IsLetter)
}

func notInLabel(r rune) bool { return r != '-' && !letter(r) }

// letter takes letters, digits and the marks that some scripts write their vowels with.
func letter(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}
