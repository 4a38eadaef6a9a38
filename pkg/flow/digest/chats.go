package digest

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// Meta's codes that we give to what we do not even send. What they mean then is ours to say.
var (
	windowClosed = strconv.Itoa(chat.CodeWindowClosed)
	optedOut     = strconv.Itoa(chat.CodeOptedOut)
)

// ofChats reports whether a row is about a message of WhatsApp.
func ofChats(p fault.Parked) bool { return p.Record.System == crm.WhatsApp }

// chatCause says what a row about a message failed for, where its code tells: Meta's code, with Meta's own words in brackets if it had
// any, or a kind of fault that the system answered with. "" where nothing better than the row's message is known.
func chatCause(w words, p fault.Parked) string {
	if !ofChats(p) {
		return ""
	}
	if code, err := strconv.Atoi(p.Code); err == nil && p.Target == crm.WhatsApp {
		said := chat.Meaning(code, chat.Language(w.Language))
		if theirs, ok := strings.CutPrefix(p.Message, chat.Meaning(code, chat.English)+": "); ok {
			said += " (" + theirs + ")"
		}
		return sentence(said)
	}
	for kind := fault.Unknown; kind <= fault.Ours; kind++ {
		if p.Code == kind.String() {
			return w.Classes[kind]
		}
	}
	if p.Class == fault.Ours {
		return w.Classes[fault.Ours]
	}
	return ""
}

// sentence makes a clause a sentence.
func sentence(clause string) string {
	first, n := utf8.DecodeRuneInString(clause)
	return string(unicode.ToUpper(first)) + clause[n:] + "."
}
