package chat

import "slices"

// Class says what an error code asks for. The list is closed.
type Class uint8

// The classes of error codes.
const (
	// ClassUnknown is a code that no table knows: the message is given up and a person looks.
	ClassUnknown Class = iota
	// ClassToken: the access token is not taken. Nothing goes out until there is another.
	ClassToken
	// ClassSetup: a right, a number or the account is not set up. No repeat; an alarm.
	ClassSetup
	// ClassRequest: the message itself is malformed, or its template is not usable. No repeat.
	ClassRequest
	// ClassAccount: Meta restricts the account, or it has not paid. Nothing goes out; an alarm.
	ClassAccount
	// ClassThrottle: too much at a time. Again, more slowly.
	ClassThrottle
	// ClassPassing: Meta's own trouble. Again.
	ClassPassing
	// ClassRecipient: this person cannot be reached. Final, and told in the CRM.
	ClassRecipient
	// ClassWindow: the 24 hours are over. A template, or a task for a person.
	ClassWindow
	// ClassOptOut: the person wants no marketing. Final; the opt-out is set.
	ClassOptOut
	// ClassHeld: Meta keeps the message back to spare the person. Final; not before 24 hours.
	ClassHeld
	// ClassIdentity: the number may belong to somebody else now. Nothing goes there until a person has looked.
	ClassIdentity
	// ClassContent: an incoming message that Meta does not pass on. There is nothing to repeat.
	ClassContent
)

// The codes that something is done about by itself.
const (
	CodeTokenExpired = 190
	CodeWindowClosed = 131047
	CodeHeldBack     = 131049
	CodeOptedOut     = 131050
	CodeNumberRate   = 130429
	CodePairRate     = 131056
	CodeIdentity     = 137000
)

// code is what a code means: what is done, and in words.
type code struct {
	code   int
	class  Class
	it, en string
}

// ClassOf returns what a code asks for.
func ClassOf(n int) Class { return lookUp(n).class }

// Meaning returns what a code means in one clause without a full stop; codes that no table knows get the same words.
func Meaning(n int, lang Language) string {
	c := lookUp(n)
	if lang == Italian {
		return c.it
	}
	return c.en
}

var unknownCode = code{0, ClassUnknown, "errore non previsto di WhatsApp", "unforeseen error of WhatsApp"}

func lookUp(n int) code {
	if n >= 200 && n <= 299 { // page: support/error-codes, "Authorization errors"
		n = 200
	}
	i, ok := slices.BinarySearchFunc(codes, n, func(c code, n int) int { return c.code - n })
	if !ok {
		return unknownCode
	}
	return codes[i]
}

// codes are in ascending order. Page: support/error-codes; of 131063 and 131064 only what is to be done is known.
//
//nolint:misspell // half of it is Italian
var codes = []code{
	{0, ClassToken, "WhatsApp non accetta il token di accesso", "WhatsApp does not take the access token"},
	{1, ClassPassing, "guasto momentaneo di WhatsApp", "passing trouble at WhatsApp"},
	{2, ClassPassing, "WhatsApp non è disponibile per il momento", "WhatsApp is not available for now"},
	{3, ClassSetup, "l'app non ha il permesso per questa funzione", "the app may not use this function"},
	{4, ClassThrottle, "troppe chiamate dell'app in poco tempo", "too many calls of the app in a short time"},
	{10, ClassSetup, "manca un permesso dell'app o del token", "a permission of the app or the token is missing"},
	{33, ClassSetup, "il numero dell'azienda non esiste più", "the business's number does not exist any more"},
	{100, ClassRequest, "un parametro del messaggio non è valido", "a parameter of the message is not valid"},
	{190, ClassToken, "il token di accesso è scaduto", "the access token has expired"},
	{200, ClassSetup, "manca un permesso dell'app o del token", "a permission of the app or the token is missing"},
	{368, ClassAccount, "l'account è bloccato per una violazione delle regole", "the account is blocked for breaking a policy"},
	{80007, ClassThrottle, "troppe chiamate per questo account in poco tempo", "too many calls for this account in a short time"},
	{130429, ClassThrottle, "troppi messaggi da questo numero in poco tempo", "too many messages from this number in a short time"},
	{130472, ClassRecipient, "Meta esclude questa persona dai messaggi di marketing", "Meta keeps marketing messages from this person"},
	{130497, ClassAccount, "l'account non può scrivere a persone di questo Paese", "the account may not write to people of this country"},
	{131000, ClassPassing, "errore sconosciuto di WhatsApp", "unknown error at WhatsApp"},
	{131005, ClassSetup, "manca un permesso del token", "a permission of the token is missing"},
	{131008, ClassRequest, "manca un parametro obbligatorio del messaggio", "a mandatory parameter of the message is missing"},
	{131009, ClassRequest, "un valore del messaggio non è valido", "a value of the message is not valid"},
	{131016, ClassPassing, "WhatsApp non è disponibile per il momento", "WhatsApp is not available for now"},
	{131021, ClassRecipient, "mittente e destinatario sono lo stesso numero", "sender and recipient are the same number"},
	{131026, ClassRecipient, "il messaggio non può essere consegnato a questa persona", "the message cannot be delivered to this person"},
	{131030, ClassRecipient, "il destinatario non è tra i numeri di prova consentiti", "the recipient is not among the permitted test numbers"},
	{131031, ClassAccount, "l'account è bloccato", "the account is locked"},
	{131037, ClassSetup, "il nome visualizzato del numero non è ancora approvato", "the number's display name is not approved yet"},
	{131042, ClassAccount, "c'è un problema con il metodo di pagamento", "there is a problem with the payment method"},
	{131045, ClassSetup, "il numero dell'azienda non è registrato correttamente", "the business's number is not registered properly"},
	{131047, ClassWindow, "la persona non ha scritto nelle ultime 24 ore", "the person has not written in the last 24 hours"},
	{131048, ClassThrottle, "Meta limita gli invii di questo numero perché molti messaggi sono stati segnalati", "Meta restricts what this number sends because many messages were reported"},
	{131049, ClassHeld, "Meta non ha consegnato il messaggio per non affaticare la persona", "Meta did not deliver the message, to spare the person"},
	{131050, ClassOptOut, "la persona non vuole più messaggi di marketing", "the person does not want marketing messages any more"},
	{131051, ClassContent, "tipo di messaggio che WhatsApp non trasmette alle aziende", "a type of message that WhatsApp does not pass on to businesses"},
	{131052, ClassContent, "l'allegato della persona non è stato scaricato", "the person's attachment could not be downloaded"},
	{131053, ClassPassing, "l'allegato inviato non è stato caricato", "the attachment that was sent could not be uploaded"},
	{131056, ClassThrottle, "troppi messaggi alla stessa persona in poco tempo", "too many messages to the same person in a short time"},
	{131057, ClassPassing, "l'account è in manutenzione", "the account is under maintenance"},
	{131060, ClassContent, "il messaggio non è disponibile", "the message is not available"},
	{131062, ClassRecipient, "questo messaggio richiede il numero di telefono della persona", "this message needs the person's phone number"},
	{131063, ClassHeld, "Meta non consegna il messaggio a questa persona", "Meta does not deliver the message to this person"},
	{131064, ClassThrottle, "Meta limita per ora gli invii", "Meta restricts what is sent for now"},
	{132000, ClassRequest, "il numero dei parametri non corrisponde al modello", "the number of parameters does not fit the template"},
	{132001, ClassRequest, "il modello non esiste in questa lingua o non è approvato", "the template does not exist in this language or is not approved"},
	{132005, ClassRequest, "il testo del modello è troppo lungo", "the template's text is too long"},
	{132007, ClassRequest, "il contenuto del modello viola una regola", "the template's content breaks a policy"},
	{132012, ClassRequest, "un parametro del modello non ha il formato giusto", "a parameter of the template has the wrong format"},
	{132015, ClassRequest, "il modello è sospeso per bassa qualità", "the template is paused for low quality"},
	{132016, ClassRequest, "il modello è disattivato per bassa qualità", "the template is disabled for low quality"},
	{133004, ClassPassing, "il server di WhatsApp non è disponibile per il momento", "WhatsApp's server is not available for now"},
	{133016, ClassThrottle, "troppe registrazioni del numero in poco tempo", "too many registrations of the number in a short time"},
	{137000, ClassIdentity, "il numero potrebbe appartenere ora a un'altra persona", "the number may belong to somebody else now"},
}
