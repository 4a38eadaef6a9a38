package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
)

type shown struct {
	name string
	chat.Message
}

var text = crm.Text

func meta(code int) []chat.Error { return []chat.Error{{Code: code}} }

// messages are the types with what may be special about each.
var messages = map[chat.Type][]shown{
	chat.TypeText: {
		{"plain", chat.Message{Text: text("Buongiorno, è disponibile? 😀")}},
		{"several lines", chat.Message{Text: text("uno\r\n\r\n  due \ttre\u2028quattro")}},
		{"NUL and controls", chat.Message{Text: text("a\x00b\x1b[31m c\u0085d\x7f")}},
		{"not UTF-8", chat.Message{Text: text("caff\xe8")}},
		{"an answer", chat.Message{About: text("wamid.X"), Text: text("Sì, confermo")}},
		{"forwarded", chat.Message{Forwarded: chat.ForwardedOnce, Text: text("guarda")}},
		{"forwarded often", chat.Message{Forwarded: chat.ForwardedOften, Text: text("guarda")}},
		{"about a product", chat.Message{About: text("wamid.X"), Product: chat.Product{Catalog: "1", Article: "di9ozbzfi4"}, Text: text("È ancora disponibile?")}},
		{"from an ad", chat.Message{Ad: chat.Ad{Source: "ad", ID: "7", Headline: text("Saldi\nd'autunno")}, Text: text("Ciao")}},
		{"from an ad without a headline", chat.Message{Ad: chat.Ad{Source: "post"}, Text: text("Ciao")}},
		{"in a group, forwarded", chat.Message{Group: text("g"), Forwarded: chat.ForwardedOnce, Text: text("Che ne pensate?")}},
		{"empty", chat.Message{}},
		{"empty with an error", chat.Message{Errors: meta(131000)}},
	},
	chat.TypeImage: {{"with a caption", chat.Message{Text: text("La mia ricevuta")}}, {"bare", chat.Message{}}},
	chat.TypeVideo: {{"with a caption", chat.Message{Text: text("Il difetto")}}, {"not downloaded", chat.Message{Errors: meta(131052)}}},
	chat.TypeAudio: {{"a file", chat.Message{}}, {"recorded", chat.Message{Media: chat.Media{Voice: true}}}},
	chat.TypeDocument: {{"with a name and a caption", chat.Message{Media: chat.Media{Filename: text("fattura_2026-114.pdf")}, Text: text("fattura")}},
		{"bare", chat.Message{}}},
	chat.TypeSticker: {{"still", chat.Message{}}, {"animated", chat.Message{Media: chat.Media{Animated: true}}}},
	chat.TypeLocation: {
		{"a place", chat.Message{Place: chat.Place{Latitude: "45.464203", Longitude: "9.189982", Name: text("Duomo di Milano"),
			Address: text("Piazza del Duomo, 20122 Milano MI"), URL: text("https://example.org/duomo")}}},
		{"a pin", chat.Message{Place: chat.Place{Latitude: "45.464203", Longitude: "9.189982"}}},
		{"nothing", chat.Message{}},
	},
	chat.TypeContacts: {
		{"one", chat.Message{Cards: []chat.Card{{Name: text("Pablo M."), Company: text("Acme"), Phones: []crm.Value{text("+1 (650) 555-1234")}, Emails: []crm.Value{text("p@example.com")}}}}},
		{"two, one nameless", chat.Message{Cards: []chat.Card{{Name: text("Anna")}, {Phones: []crm.Value{text("06 1234"), text("333 1234")}}}}},
		{"the own number, asked for", chat.Message{Cards: []chat.Card{{Phones: []crm.Value{text("+1 (650) 555-1234")}, Origin: chat.OriginRequest}}}},
	},
	chat.TypeInteractive: {
		{"a button", chat.Message{Kind: chat.KindButtonReply, Choice: text("talk-to-human"), Text: text("Parla con un operatore")}},
		{"a choice", chat.Message{Kind: chat.KindListReply, Text: text("Spedizione"), More: text("entro 24 ore")}},
		{"a form", chat.Message{Kind: chat.KindFormReply, Text: text("Sent"), Form: []chat.Detail{{"first_name", text("Giulia")}, {"rating", text("4")}}}},
		{"a form that nobody can read", chat.Message{Kind: chat.KindFormReply, Text: text("Sent")}},
		{"calls allowed", chat.Message{Kind: chat.KindCallPermission, Choice: text("accept")}},
		{"calls not allowed", chat.Message{Kind: chat.KindCallPermission, Choice: text("reject")}},
		{"a kind to come", chat.Message{Kind: "product_reply", Form: []chat.Detail{{"product_reply.id", text("SKU 1")}}}},
		{"without its content", chat.Message{Errors: meta(131000)}},
	},
	chat.TypeButton:   {{"a quick reply", chat.Message{Choice: text("STOP"), Text: text("Non voglio più messaggi")}}},
	chat.TypeReaction: {{"set", chat.Message{About: text("wamid.X"), Text: text("👍")}}, {"taken back", chat.Message{About: text("wamid.X")}}},
	chat.TypeOrder: {
		{"two lines", chat.Message{Product: chat.Product{Catalog: "1"}, Text: text("Grazie!"),
			Items: []chat.Item{{"di9ozbzfi4", "2", "30", "USD"}, {"nqryix03ez", "1", "25.5", "USD"}}}},
		{"a bare line", chat.Message{Items: []chat.Item{{Article: "x"}}}},
	},
	chat.TypeSystem: {
		{"another number", chat.Message{Kind: chat.KindNumberChanged, From: chat.Person{Phone: text("393471234567")}, Changed: chat.Person{Phone: text("393209998877")}}},
		{"another number, the old one unknown", chat.Message{Kind: chat.KindNumberChanged, Changed: chat.Person{Phone: text("393209998877")}}},
		{"another number, an older name", chat.Message{Kind: chat.KindCustomerNumber}},
		{"another user id", chat.Message{Kind: chat.KindUserChanged, Text: text("User Sheena N. changed from US.1 to US.2")}},
		{"another phone", chat.Message{Kind: chat.KindCustomerIdentity}},
		{"a kind to come", chat.Message{Kind: "user_moved", Text: text("She moved")}},
	},
	chat.TypeUnsupported: {
		{"a poll", chat.Message{Kind: "poll_creation", Errors: meta(131051)}},
		{"not available", chat.Message{Errors: meta(131060)}},
	},
	chat.TypeEdit: {
		{"a text", chat.Message{Kind: "text", About: text("wamid.X"), Text: text("in rosso?")}},
		{"a caption", chat.Message{Kind: "image", Text: text("La ricevuta giusta")}},
		{"nothing", chat.Message{}}, {"an edit of an edit", chat.Message{Kind: "edit"}},
	},
	chat.TypeTemplate: {{"with parameters", chat.Message{Kind: "order_confirmation", Form: []chat.Detail{{"1", text("Giulia")}, {"2", text("2026-114")}}}},
		{"without", chat.Message{Kind: "hello_world"}}},
	chat.TypeRevoke: {{"deleted", chat.Message{About: text("wamid.X")}}},
	"hologram": {{"a type to come", chat.Message{}}, {"with a text", chat.Message{Text: text("ciao")}},
		{"with its parts", chat.Message{Form: []chat.Detail{{"foo", text("bar")}, {"n.0", text("1")}}}}},
}

func TestEveryTypeReadsAsOneLineInBothLanguages(t *testing.T) {
	for kind, all := range messages {
		for _, lang := range []chat.Language{chat.Italian, chat.English} {
			var b strings.Builder
			for _, s := range all {
				s.Type = kind
				fmt.Fprintf(&b, "%s: %s\n", s.name, chat.Render(s.Message, lang))
			}
			golden(t, fmt.Sprintf("testdata/render/%s.%s.golden", kind, lang), b.String())
		}
	}
}

func TestARenderingIsNeverEmptyAndNeverHoldsAControl(t *testing.T) {
	types := []chat.Type{"hologram"}
	for kind := range messages {
		types = append(types, kind)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := message(t)
		m.Type = rapid.SampledFrom(types).Draw(t, "type")
		m.Kind = rapid.SampledFrom([]string{"", chat.KindListReply, chat.KindFormReply, chat.KindNumberChanged, "text", "\x00"}).Draw(t, "kind")
		for _, lang := range []chat.Language{chat.Italian, chat.English} {
			got := chat.Render(m, lang)
			if strings.TrimSpace(got) == "" || strings.ContainsFunc(got, unicode.IsControl) || strings.ContainsAny(got, "\u2028\u2029") {
				t.Fatalf("%q", got)
			}
		}
	})
}

func TestPlainTextShowsThatSomethingWasThere(t *testing.T) {
	for in, want := range map[string]string{
		"a\x00b": "a\uFFFDb", "a\r\nb\rc\td": "a\nb\nc\td", "caff\xe8": "caff\uFFFD", "x\uFFFEy": "x\uFFFDy", "👨‍👩‍👧": "👨‍👩‍👧", "": "",
	} {
		if got := chat.Plain(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := chat.Plain(rapid.String().Draw(t, "text"))
		if again := chat.Plain(s); again != s {
			t.Fatalf("%q becomes %q", s, again)
		}
	})
}

func TestANumberIsLearntOnlyFromTheOneCardThatWasAskedFor(t *testing.T) {
	own := chat.Card{Numbers: []crm.Value{text("16505551234")}, Origin: chat.OriginRequest}
	if got := (chat.Message{Cards: []chat.Card{own}}).OwnPhone(); got != text("16505551234") {
		t.Errorf("not learnt: %v", got)
	}
	other, two := own, own
	other.Origin = ""
	two.Numbers = append(two.Numbers, text("1"))
	for _, cards := range [][]chat.Card{nil, {other}, {two}, {own, own}} {
		if got := (chat.Message{Cards: cards}).OwnPhone(); got.Known() {
			t.Errorf("learnt from %+v", cards)
		}
	}
}

func Example() {
	m := chat.Message{Type: chat.TypeDocument, Media: chat.Media{Filename: crm.Text("fattura.pdf")}, Text: crm.Text("ecco")}
	fmt.Println(chat.Render(m, chat.Italian))
	fmt.Println(chat.Meaning(131047, chat.English))
	// Output:
	// [documento fattura.pdf] ecco
	// the person has not written in the last 24 hours
}
