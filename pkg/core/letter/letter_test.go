package letter_test

import (
	"strings"
	"testing"

	"crm-connector/pkg/core/letter"
)

func TestEveryAddressOfAListIsChecked(t *testing.T) {
	long := strings.Repeat("x", 65) + "@example.com"
	for _, tt := range []struct {
		list string
		want string // the addresses, joined by a blank; "" for an error
		err  string
	}{
		{"client@example.com", "client@example.com", ""},
		{" client@example.com , giulia@example.com", "client@example.com giulia@example.com", ""},
		{`"Rossi, Anna" <anna@example.com>, Giulia Però <giulia@example.com>`, "anna@example.com giulia@example.com", ""},
		{"", "", "this is no address"},
		{"nobody", "", "this is no address"},
		{"a b@example.com", "", "this is no address"},
		{"@example.com", "", "this is no address"},
		{"client@localhost", "", "this is no address"},
		{"client@example.", "", "this is no address"},
		{"a@b@example.com", "", "this is no address"},
		{"perché@example.com", "", "this is no address"},
		{"client@perché.example", "", "this is no address"},
		{"client@example.com; giulia@example.com", "", "this is no address"},
		{"client@example.com\r\nBcc: x@example.com", "", "this is no address"},
		{long, "", "this is no address"},
		{"nobody:;", "", "this is no address"},
		{"nobody, client@example.com", "", "number 1 of 2 is no address"},
		{"client@example.com,,giulia@example.com", "client@example.com giulia@example.com", ""},
		{"client@example.com,nobody,giulia@example.com", "", "number 2 of 3 is no address"},
		{"client@example.com," + long, "", "number 2 of 2 is no address"},
	} {
		all, err := letter.Addresses(tt.list)
		var got []string
		for _, a := range all {
			got = append(got, a.Address)
		}
		said := ""
		if err != nil {
			said = err.Error()
		}
		if strings.Join(got, " ") != tt.want || said != tt.err {
			t.Errorf("%q: %q, %q; want %q, %q", tt.list, got, said, tt.want, tt.err)
		}
	}
}

// FuzzAddresses holds that what is taken can stand in a header and is taken again, and that no error repeats the text.
func FuzzAddresses(f *testing.F) {
	f.Add("client@example.com, Giulia <giulia@example.com>")
	f.Add("g: a@example.com;")
	f.Add("a@example.com\r\nBcc: b@example.com")
	f.Fuzz(func(t *testing.T, list string) {
		all, err := letter.Addresses(list)
		if err != nil {
			if len(list) > 8 && strings.Contains(err.Error(), list) {
				t.Fatalf("%q is repeated: %v", list, err)
			}
			return
		}
		if len(all) == 0 {
			t.Fatalf("%q has no address and no error", list)
		}
		for _, a := range all {
			if strings.ContainsAny(a.Address, " \r\n,<>") {
				t.Fatalf("%q gives the address %q", list, a.Address)
			}
			if again, err := letter.Addresses(a.String()); err != nil || len(again) != 1 || again[0].Address != a.Address {
				t.Fatalf("%q is not taken again: %v", a.String(), err)
			}
		}
	})
}
