// Package numbering reads telephone numbers as people write them, by the numbering plans of the world.
//
// It answers as libphonenumber does for the little that is asked of it: which country calling code, which national number,
// which extension, whether the plan knows the number, whether its length can be one, whether it can only be a mobile. The
// plans are a table of text, plans.txt, made from libphonenumber's; a plan is read, and a pattern of it compiled, when the
// first number needs it, so that a program which meets no number pays nothing for them.
package numbering

import "strings"

const (
	shortest = 2   // digits of a national number
	longest  = 17  // digits of a national number: Germany has more than the 15 that E.164 allows
	maxText  = 250 // bytes of what may be read as a number
	maxCode  = 3   // digits of a country calling code
)

// Number is a telephone number that was read. The zero Number is none.
type Number struct {
	Code      string // country calling code, without plus
	National  string // national significant number: 2 to 17 digits, with the noughts that are dialled from abroad too
	Extension string // as it was written, or ""
}

// Parse reads a number. The region, two capital letters of ISO 3166, is where it is dialled from when it does not begin with
// a plus; of a region without a plan only numbers with a plus are read. It reports whether s is a number at all: one that
// was read need neither be valid nor possible.
func Parse(s, region string) (Number, bool) {
	if s == "" || len(s) > maxText {
		return Number{}, false
	}
	text, ok := written(s)
	if !ok || !viable(text) {
		return Number{}, false
	}
	text, extension := cutExtension(text)
	at, national := locate(text, planOf(region))
	if at == nil || len(national) < shortest {
		return Number{}, false
	}
	if bare := at.cutTrunk(national); at.fits(bare) || at.exceeds(bare) {
		national = bare
	}
	if len(national) < shortest || len(national) > longest {
		return Number{}, false
	}
	return Number{at.code, national, extension}, true
}

// locate returns the plan that a number belongs to, nil when it has none, and what follows the country calling code.
func locate(text string, home *plan) (*plan, string) {
	abroad := strings.TrimLeft(text, pluses)
	number := digits(abroad)
	if abroad == text {
		if home == nil {
			return nil, ""
		}
		if at, national, ok := home.leave(number); ok {
			return at, national
		}
		return home, number
	}
	if at, national := byCode(number); at != nil {
		return at, national
	}
	// A plus before what is dialled from home: +00 39 …
	if home == nil {
		return nil, ""
	}
	at, national, _ := home.leave(number)
	return at, national
}

// leave reads a number that is dialled from the plan's region and says its country calling code, after the region's prefix
// for calls abroad or without. It is false when the number says none; the plan is nil when it says one that there is not.
func (p *plan) leave(number string) (*plan, string, bool) {
	if rest, ok := p.cutAbroad(number); ok {
		at, national := byCode(rest)
		return at, national, true
	}
	if national, ok := p.cutCode(number); ok {
		return codes()[p.code][0], national, true
	}
	return nil, "", false
}

// byCode returns the main plan of the country calling code that digits begin with, nil when there is none, and the rest.
func byCode(number string) (*plan, string) {
	for n := 1; n <= min(maxCode, len(number)); n++ {
		if plans := codes()[number[:n]]; plans != nil {
			return plans[0], number[n:]
		}
	}
	return nil, ""
}

// E164 returns the number as it is dialled from everywhere, without its extension.
func (n Number) E164() string { return "+" + n.Code + n.National }

// Valid reports whether a numbering plan knows the number: not that anybody has it.
func (n Number) Valid() bool {
	p := n.plan()
	return p != nil && p.knows(n.National)
}

// Possible reports whether the length is one that a whole number of the country has.
func (n Number) Possible() bool {
	plans := codes()[n.Code]
	return plans != nil && plans[0].fits(n.National)
}

// Mobile reports whether the number is a mobile's and can be nothing else. Where the plan does not tell mobiles from landlines
// none is.
func (n Number) Mobile() bool {
	p := n.plan()
	return p != nil && p.mobile(n.National)
}

// plan returns the plan of the number's region: several have one country calling code. It is nil when no region has it.
func (n Number) plan() *plan {
	plans := codes()[n.Code]
	if len(plans) == 1 {
		return plans[0]
	}
	for _, p := range plans {
		if p.claims(n.National) {
			return p
		}
	}
	return nil
}

// Known reports whether a region, two capital letters of ISO 3166, has a numbering plan.
func Known(region string) bool { return planOf(region) != nil }
