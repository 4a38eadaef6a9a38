// Package letter is one e-mail as it passes from the use case that writes it to the adapter that sends it, and says which
// addresses it can go to. Who writes what is the business of the flow, and the wire format is the adapter's.
package letter

import (
	"fmt"
	"net/mail"
	"strings"
)

// Mail is one e-mail with the same content twice, as text and as HTML.
type Mail struct {
	ID      string // stays the same when a mail is sent again, so that sender and reader can recognise a copy
	From    string // one address, with or without a display name: "Reports <reports@example.com>"
	To      string // one address or several, separated by commas
	Subject string // one line
	Text    string
	HTML    string
}

// MaxRecipients is to how many addresses one mail can go
// (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html, Destinations).
const MaxRecipients = 50

// Addresses reads one address or several that commas separate, each with or without a display name. The error says which of
// them cannot be delivered to, by its number; it repeats no address.
func Addresses(list string) ([]*mail.Address, error) {
	all, err := mail.ParseAddressList(list)
	if err != nil || len(all) == 0 { // a group may be empty
		return nil, odd(list)
	}
	for i, a := range all {
		if !sound(a.Address) {
			return nil, number(i, len(all))
		}
	}
	return all, nil
}

// odd finds the first of a list that is no address by itself. A comma in a display name may mislead it; that there is one is
// known.
func odd(list string) error {
	each := strings.Split(list, ",")
	for i, one := range each {
		if a, err := mail.ParseAddress(one); err != nil || !sound(a.Address) {
			return number(i, len(each))
		}
	}
	return fmt.Errorf("this is no list of addresses")
}

func number(i, of int) error {
	if of == 1 {
		return fmt.Errorf("this is no address")
	}
	return fmt.Errorf("number %d of %d is no address", i+1, of)
}

// sound reports whether SES can deliver to the address: ASCII, at most 254 bytes, one @, a dot in the domain
// (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html, Source).
func sound(address string) bool {
	local, host, ok := strings.Cut(address, "@")
	if !ok || len(address) > 254 || local == "" || len(local) > 64 || strings.Contains(host, "@") || !strings.Contains(strings.Trim(host, "."), ".") {
		return false
	}
	for _, r := range address {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>()[],;:\"`, r) {
			return false
		}
	}
	return true
}
