package chat

// words are what a rendering is made of, in one language. %s stands for what a person wrote or an identifier.
type words struct {
	image, video, audio, voice, document, sticker, animated string
	location, contact, contacts, ownNumber                  string
	template                                                string
	button, choice, form, callYes, callNo, reply            string
	reaction, unreacted, order, times                       string
	numberTo, numberAnd, numberOnly, userChanged, identity  string
	system, unsupported, unsupportedKind, edited, revoked   string
	unknown, empty                                          string
	answers, forwarded, forwardedOften, group               string
	product, ad, adNamed                                    string
	fault, state                                            string
	states                                                  map[State]string
	otherState                                              string
}

func wordsOf(lang Language) *words {
	if lang == Italian {
		return &italian
	}
	return &english
}

//nolint:misspell // it is Italian
var italian = words{
	image: "immagine", video: "video", audio: "audio", voice: "messaggio vocale", document: "documento", sticker: "sticker",
	animated: "sticker animato",
	location: "posizione", contact: "contatto", contacts: "contatti", ownNumber: "il proprio numero",
	template: "modello",
	button:   "pulsante", choice: "scelta", form: "modulo compilato", callYes: "permette di essere chiamato", callNo: "non permette di essere chiamato",
	reply:    "risposta interattiva",
	reaction: "reazione", unreacted: "ha tolto la reazione", order: "ordine", times: "%s × %s",
	numberTo: "ha cambiato numero: ora %s", numberAnd: "ha cambiato numero: prima %s, ora %s", numberOnly: "ha cambiato numero",
	userChanged: "ha cambiato identificativo WhatsApp", identity: "ha cambiato telefono o reinstallato WhatsApp",
	system: "avviso di WhatsApp", unsupported: "messaggio che WhatsApp non trasmette", unsupportedKind: "messaggio che WhatsApp non trasmette: %s",
	edited: "messaggio modificato", revoked: "messaggio eliminato",
	unknown: "messaggio di tipo sconosciuto: %s", empty: "messaggio vuoto",
	answers: "in risposta", forwarded: "inoltrato", forwardedOften: "inoltrato molte volte", group: "in un gruppo",
	product: "sul prodotto %s", ad: "da un annuncio", adNamed: "dall'annuncio «%s»",
	fault: "errore %d: %s", state: "Stato",
	states:     map[State]string{Sent: "inviato", Failed: "non consegnato", Delivered: "consegnato", Read: "letto", Played: "ascoltato"},
	otherState: "sconosciuto",
}

var english = words{
	image: "image", video: "video", audio: "audio", voice: "voice message", document: "document", sticker: "sticker",
	animated: "animated sticker",
	location: "location", contact: "contact", contacts: "contacts", ownNumber: "own number",
	template: "template",
	button:   "button", choice: "choice", form: "form filled in", callYes: "may be called", callNo: "may not be called",
	reply:    "interactive reply",
	reaction: "reaction", unreacted: "took the reaction back", order: "order", times: "%s × %s",
	numberTo: "changed number: now %s", numberAnd: "changed number: before %s, now %s", numberOnly: "changed number",
	userChanged: "changed WhatsApp user id", identity: "changed phone or installed WhatsApp anew",
	system: "notice of WhatsApp", unsupported: "message that WhatsApp does not pass on", unsupportedKind: "message that WhatsApp does not pass on: %s",
	edited: "message edited", revoked: "message deleted",
	unknown: "message of unknown type: %s", empty: "empty message",
	answers: "in reply", forwarded: "forwarded", forwardedOften: "forwarded many times", group: "in a group",
	product: "about product %s", ad: "from an advertisement", adNamed: "from the advertisement “%s”",
	fault: "error %d: %s", state: "Status",
	states:     map[State]string{Sent: "sent", Failed: "not delivered", Delivered: "delivered", Read: "read", Played: "played"},
	otherState: "unknown",
}
