package talk

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// fold returns text as it is compared: without case, accents, compatibility forms and what nobody sees, one space between words.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(strings.ToValidUTF8(s, " ")))
	return strings.Join(strings.Fields(s), " ")
}

// text is the words of a text, folded. An apostrophe parts two words, as in l'ordine.
type text []string

func split(s string) text {
	return strings.FieldsFunc(fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// questionMarks are looked for in a folded text, in which the wide ones are plain.
const questionMarks = "?❓❔"

// phrase is a word or several that are looked for one behind the other.
type phrase []part

// part is one word of a phrase, or its beginning.
type part struct {
	text  string
	begin bool
}

// fits reports whether a word is the part. Who writes nn means non: else every phrase with it would have to stand there twice.
func (p part) fits(word string) bool {
	return word == p.text || p.begin && strings.HasPrefix(word, p.text) || word == "nn" && p.text == "non"
}

// shortest is the least that must stand before a star: shorter beginnings fit everything.
const shortest = 3

// parsePhrase reads a phrase as it is written, and reports whether it is one: words, a star only behind a beginning of three
// letters or more, in the last place of its word.
func parsePhrase(s string) (phrase, bool) {
	var out phrase
	for _, field := range strings.Fields(s) {
		field, star := strings.CutSuffix(field, "*")
		parts := split(field)
		if len(parts) == 0 || strings.Contains(field, "*") {
			return nil, false
		}
		for i, w := range parts {
			begin := star && i == len(parts)-1
			if begin && len([]rune(w)) < shortest {
				return nil, false
			}
			out = append(out, part{w, begin})
		}
	}
	return out, len(out) > 0
}

// has reports whether the text has the phrase anywhere.
func (t text) has(p phrase) bool {
	for i := 0; i+len(p) <= len(t); i++ {
		if t[i : i+len(p)].is(p) {
			return true
		}
	}
	return false
}

// is reports whether the text is the phrase and nothing else.
func (t text) is(p phrase) bool {
	return slices.EqualFunc(t, p, func(word string, p part) bool { return p.fits(word) })
}

// only reports whether the text is made of phrases of the lists and nothing else.
func (t text) only(lists ...[]phrase) bool {
	ends := make([]bool, len(t)+1) // where a phrase ends that begins where one ends
	ends[0] = true
	for i := range t {
		if !ends[i] {
			continue
		}
		for _, list := range lists {
			for _, p := range list {
				if end := i + len(p); end <= len(t) && t[i:end].is(p) {
					ends[end] = true
				}
			}
		}
	}
	return ends[len(t)]
}
