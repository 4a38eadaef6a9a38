package scan

import (
	"bytes"
	"encoding/json"
	"unicode"
	"unicode/utf8"
)

// few is how many keys of an object are compared one by one; more of them go into a map.
const few = 32

// keys holds the keys of the objects that are open, in the form in which Go's decoder compares them. The innermost object's
// lie behind those of the objects around it, so that most objects cost no memory of their own.
type keys struct {
	text []byte // one key behind the other
	ends []int  // where each ends in text
	object
}

// object is what is known of the innermost object.
type object struct {
	first int             // its first key in ends
	from  int             // its first byte in text
	many  map[string]bool // all its keys, once they are more than a few
}

// enter begins an object and returns what leave needs to go back to the one around it.
func (k *keys) enter() object {
	outer := k.object
	k.object = object{first: len(k.ends), from: len(k.text)}
	return outer
}

// leave forgets the keys of the innermost object.
func (k *keys) leave(outer object) {
	k.ends, k.text = k.ends[:k.first], k.text[:k.from]
	k.object = outer
}

// add notes a key, given with its quotes, and reports whether the innermost object did not have it yet.
func (k *keys) add(raw []byte) bool {
	from := len(k.text)
	k.text = appendFolded(k.text, raw)
	name := k.text[from:]
	if k.many != nil {
		return k.addToMany(name)
	}
	at := k.from
	for _, end := range k.ends[k.first:] {
		if bytes.Equal(k.text[at:end], name) {
			return false
		}
		at = end
	}
	k.ends = append(k.ends, len(k.text))
	if len(k.ends)-k.first > few {
		k.spill()
	}
	return true
}

func (k *keys) addToMany(name []byte) bool {
	if k.many[string(name)] {
		return false
	}
	k.many[string(name)] = true
	k.text = k.text[:len(k.text)-len(name)]
	return true
}

func (k *keys) spill() {
	k.many = map[string]bool{}
	at := k.from
	for _, end := range k.ends[k.first:] {
		k.many[string(k.text[at:end])] = true
		at = end
	}
}

// appendFolded appends the key between the quotes, without its escapes and its case. Most keys are plain ASCII and need no
// decoder.
func appendFolded(to, raw []byte) []byte {
	from := len(to)
	for _, c := range raw[1 : len(raw)-1] {
		switch {
		case c == '\\' || c >= utf8.RuneSelf:
			return appendDecoded(to[:from], raw)
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

func appendDecoded(to, raw []byte) []byte {
	var name string
	_ = json.Unmarshal(raw, &name) // a string that was scanned always decodes
	for _, r := range name {
		to = utf8.AppendRune(to, fold(r))
	}
	return to
}

// fold returns the smallest rune that differs from r in case only, as Go's decoder compares keys.
func fold(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}
