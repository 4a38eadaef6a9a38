package canon_test

import (
	"testing"

	"crm-connector/pkg/core/canon"
)

// settled fails when the form of a form is another, or has none.
func settled(t *testing.T, form func(string) (string, error), in string) {
	once, err := form(in)
	if err != nil {
		return
	}
	if twice, err := form(once); err != nil || twice != once {
		t.Errorf("%q became %q, and that %q, %v", in, once, twice, err)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"Nicolo\u0300 ", "a\r\nb\x00\u0300", "\xff\r\u2000", "\u1112\u1161\u11ab", "\u1112\u1161 \u11ab"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		settled(t, noError(canon.Text), s)
		settled(t, noError(canon.Fold), s)
		settled(t, noError(canon.Code), s)
		settled(t, noError(canon.Multi), s)
	})
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"Mario.Rossi@Example.COM", "\u200bİ\u0308@ü.example", "a@b@c.de", "@", "a@.", "a@b.c\u0301d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { settled(t, canon.Email, s) })
}

func FuzzDomain(f *testing.F) {
	for _, s := range []string{"https://www.acme.it:80/x", "www.www.it", "://", "a.b.", `acme.it\@evil.example`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { settled(t, canon.Domain, s) })
}

func FuzzPhone(f *testing.F) {
	for _, s := range []string{"+39 347 123 4567", "(650) 253-0000 ext. 12", "+5215512345678", "+551187654321", "US.13491208655302741918", "٣٤٧١٢٣٤٥٦٧",
		"tel:+39-06-1234;phone-context=+1", "0039 06 1;ext=00012"} {
		f.Add(s, "IT")
	}
	f.Fuzz(func(t *testing.T, s, region string) {
		if _, err := canon.Region(region); err != nil {
			return
		}
		settled(t, func(s string) (string, error) { return canon.Phone(s, region) }, s)
	})
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"-0.005", "1.5E7", "99999.995", "1e-40", "."} {
		f.Add(s, uint8(2))
	}
	f.Fuzz(func(t *testing.T, s string, scale uint8) {
		settled(t, func(s string) (string, error) { return canon.Number(s, int(scale%10)) }, s)
	})
}

func FuzzMoment(f *testing.F) {
	for _, s := range []string{"1980-05-12", "2026-11-21T11:00:00.9+01:00", "326937600000", "-86400000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		settled(t, canon.Date, s)
		settled(t, canon.Instant, s)
	})
}
