package hubspot

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"crm-connector/pkg/adapter/rest"
)

// The forms in which HubSpot repeats a value.
var (
	quoted  = form("\"[^\"]*(\"|$)|`[^`]*(`|$)")
	single  = form(`(^|[^\pL\pN])'[^']*'`)
	subject = form(`^.+?( (?:was|is) (?:not|invalid)\b)`)
	address = form(`\S*@\S*`)
	number  = form(`\+?\d[\d ()./-]{3,}\d`)
	list    = form(`\[[^\]]*(\]|$)|\{[^}]*(\}|$)`)
)

// form returns a pattern that is compiled when it is first asked for: nearly every function ends without a refusal, and all of
// them would wait for it when they start.
func form(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// The bounds of a message: what is longer than most is no words, a body's value of 65,536 characters twice over included;
// what is kept for reading ends at longest characters; between the two the forms are looked for in the first part only.
const (
	most    = 256 << 10 // bytes
	part    = 4 << 10   // bytes
	longest = 200       // characters
)

// clean returns HubSpot's words without any value: what we sent, what it quotes, addresses, long numbers, lists. The name of
// the property at fault may stay quoted.
func clean(message, property string, sent []string) string {
	if len(message) > most {
		return ""
	}
	message = rest.Without(message, sent)
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(message[:min(len(message), part)], ""))
	message = quoted().ReplaceAllStringFunc(message, func(q string) string {
		if property != "" && strings.Trim(q, "\"`") == property {
			return q
		}
		return "…"
	})
	message = list().ReplaceAllString(message, "[…]")
	message = single().ReplaceAllString(message, "$1…")
	message = subject().ReplaceAllString(message, "…$1")
	message = address().ReplaceAllString(message, "…")
	message = number().ReplaceAllString(message, "…")
	message = strings.Join(strings.Fields(message), " ")
	if utf8.RuneCountInString(message) > longest {
		message = string([]rune(message)[:longest]) + "…"
	}
	return message
}
