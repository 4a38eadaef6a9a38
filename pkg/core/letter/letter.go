// Package letter is one e-mail as it passes from the use case that writes it to the adapter that sends it. It is data
// only: who writes what is the business of the flow, and the wire format is the adapter's.
package letter

// Mail is one e-mail with the same content twice, as text and as HTML.
type Mail struct {
	ID      string // stays the same when a mail is sent again, so that sender and reader can recognise a copy
	From    string // one address, with or without a display name: "Reports <reports@example.com>"
	To      string // one address or several, separated by commas
	Subject string // one line
	Text    string
	HTML    string
}
