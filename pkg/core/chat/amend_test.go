package chat_test

import (
	"html"
	"testing"

	"crm-connector/pkg/core/chat"
)

func TestALineTakesThePlaceOfItsForerunnerAloneBehindTheMark(t *testing.T) {
	a := chat.Delivery("Stato: letto", "[wamid.1]")
	const head = "WhatsApp inviato\nciao\n[wamid.1]"
	for text, want := range map[string]string{
		head:                                                       head + "\n» Stato: letto",
		head + "\n» Stato: letto":                                  head + "\n» Stato: letto",
		head + "\n» Stato: inviato":                                head + "\n» Stato: letto",
		head + "\n» Status: sent":                                  head + "\n» Stato: letto",
		head + "\n» Stato: inviato\nda Giulia":                     head + "\n» Stato: letto\nda Giulia",
		head + "\r\n» Stato: inviato\r\nda Giulia":                 head + "\r\n» Stato: letto\r\nda Giulia",
		head + "\n» richiamare lunedì":                             head + "\n» richiamare lunedì\n» Stato: letto",
		"WhatsApp inviato\n» Stato: 4711 parte domani\n[wamid.1]":  "WhatsApp inviato\n» Stato: 4711 parte domani\n[wamid.1]\n» Stato: letto",
		"somebody took the mark away\n» Stato: inviato\nda Giulia": "somebody took the mark away\n» Stato: letto\nda Giulia",
		head + "\nda Giulia » Stato: inviato\n» Stato: inviato":    head + "\nda Giulia » Stato: inviato\n» Stato: letto",
		"": "\n» Stato: letto",
	} {
		if got := a.In(text, "\n"); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestALineTakesThePlaceOfItsForerunnerInMarkupThatPeopleHaveEdited(t *testing.T) {
	a := chat.Delivery("Stato: letto & tenuto", "[wamid.1]").With(html.EscapeString)
	const now = "» Stato: letto &amp; tenuto"
	for text, want := range map[string]string{
		"ciao<br>[wamid.1]": "ciao<br>[wamid.1]<br>" + now,
		"ciao<br>[wamid.1]<br>» Stato: inviato<br>da Giulia":                                      "ciao<br>[wamid.1]<br>" + now + "<br>da Giulia",
		"<div><p>» Stato: 1<br>[wamid.1]</p><p>» Stato: inviato</p><p>da <b>Giulia</b></p></div>": "<div><p>» Stato: 1<br>[wamid.1]</p><p>" + now + "</p><p>da <b>Giulia</b></p></div>",
	} {
		if got := a.In(text, "<br>"); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
