package chat_test

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

func TestANameIsOneLineThatIsReadInOneDirection(t *testing.T) {
	for in, want := range map[string]string{
		"  Anna \n Rossi ": "Anna Rossi", "a\x00b": "a\uFFFDb", "👨‍👩‍👧 Rossi": "👨‍👩‍👧 Rossi", "דנה": "דנה",
		"\u202EannA":                     "annA",
		"Anna\u202E\u2066\u2069\u202C":   "Anna",
		"\u200FAnna\u200E \u061CRossi":   "Anna Rossi",
		"Anna \u202A\u202B\u202D\u2067x": "Anna x",
	} {
		if got := chat.Name(in); got != want {
			t.Errorf("%q is called %q, want %q", in, got, want)
		}
	}
}

func TestANameOfWhichNothingIsSeenIsNone(t *testing.T) {
	for _, in := range []string{
		"", " \u00A0\u3000", "\u200B", "\u200C\u200D\u2060\uFEFF", "\u3164", "\uFFA0 \u115F\u1160", "\u2800", "\u202E", "\u00AD", "\u034F",
		"\U000E0020\U000E007F", "\uFE0F", "\U000E0100", "\u17B4", "\u180E", "\U0001D159", "\u2028",
	} {
		if got := chat.Name(in); got != "" {
			t.Errorf("%q is called %q", in, got)
		}
		m := chat.Message{Type: chat.TypeText, Text: crm.Text(in)}
		if got, want := chat.Render(m, chat.Italian), chat.Render(chat.Message{Type: chat.TypeText}, chat.Italian); got != want {
			t.Errorf("%q reads as %q, want %q", in, got, want)
		}
	}
	if got := chat.Name("\x00\x07"); got != "" {
		t.Errorf("controls are called %q", got)
	}
}

func TestNothingThatOthersWroteTurnsALineRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := message(t)
		m.Text = crm.Text(rapid.StringOf(rapid.SampledFrom([]rune("a b\n\u061C\u200E\u200F\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069"))).Draw(t, "text"))
		for _, got := range []string{chat.Render(m, chat.English), chat.Name(m.Text.Text())} {
			if strings.ContainsFunc(got, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }) {
				t.Fatalf("%q", got)
			}
		}
	})
}
