package conversion

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Cents is an amount in hundredths of its currency's unit, of whatever currency. Amounts are never floats.
type Cents int64

// MaxValue is the largest value of one event, 999,999,999.99.
const MaxValue Cents = 99_999_999_999

// maxLiteral is how many characters a number may be written in.
const maxLiteral = 24

// Currency is an ISO 4217 code: three capital letters. Whether it exists is not looked up.
type Currency string

// EUR is the currency of events and costs that name none.
const EUR Currency = "EUR"

// Valid reports whether the code has three capital letters.
func (c Currency) Valid() bool { return currency([]byte(c)) }

// What ParseCents refuses. Each has a Code of the same meaning.
var (
	ErrLiteral  = errors.New("not a decimal number of at most 24 characters and two decimals, without an exponent")
	ErrDecimals = errors.New("an amount with a fraction of a cent")
	ErrMinimum  = errors.New("an amount below 0")
	ErrMaximum  = errors.New("an amount above 999999999.99")
)

// ErrOverflow says that a sum does not fit into its counter; nothing was added.
var ErrOverflow = errors.New("a counter overflows")

// String writes the amount with two decimals and a point: 19.99, -0.05.
func (c Cents) String() string {
	sign, u := "", uint64(c)
	if c < 0 {
		sign, u = "-", -u
	}
	cents := strconv.FormatUint(u%100, 10)
	if len(cents) < 2 {
		cents = "0" + cents
	}
	return sign + strconv.FormatUint(u/100, 10) + "." + cents
}

// ParseCents reads a JSON number from 0 to 999999999.99 with at most two decimals. -0 and -0.00 are 0. It works on the
// digits, in time bounded by 24 characters however long the text is.
func ParseCents(literal string) (Cents, error) {
	switch c, code := parseCents([]byte(literal)); code {
	case "":
		return c, nil
	case CodeDecimals:
		return 0, ErrDecimals
	case CodeMinimum:
		return 0, ErrMinimum
	case CodeMaximum:
		return 0, ErrMaximum
	default:
		return 0, ErrLiteral
	}
}

// parseCents returns the code of the first rule that the literal breaks: first how it is written, then what it is.
func parseCents(s []byte) (Cents, Code) {
	if len(s) > maxLiteral {
		return 0, CodeLiteral
	}
	minus := len(s) > 0 && s[0] == '-'
	if minus {
		s = s[1:]
	}
	whole, at := int64(0), 0
	for ; at < len(s) && digit(s[at]); at++ {
		if whole <= int64(MaxValue) { // any larger one is as good for what follows
			whole = whole*10 + int64(s[at]-'0')
		}
	}
	if at == 0 || at > 1 && s[0] == '0' {
		return 0, CodeLiteral
	}
	cents, code := fraction(s[at:])
	if code != "" {
		return 0, code
	}
	if minus && (whole > 0 || cents > 0) {
		return 0, CodeMinimum
	}
	if whole > int64(MaxValue)/100 {
		return 0, CodeMaximum
	}
	return Cents(whole*100 + cents), ""
}

// fraction reads nothing, or a point and one or two digits, as hundredths.
func fraction(s []byte) (int64, Code) {
	if len(s) == 0 {
		return 0, ""
	}
	if s[0] != '.' || len(s) == 1 {
		return 0, CodeLiteral
	}
	cents, rest := int64(0), false
	for i, c := range s[1:] {
		switch {
		case !digit(c):
			return 0, CodeLiteral
		case i == 0:
			cents = 10 * int64(c-'0')
		case i == 1:
			cents += int64(c - '0')
		default:
			rest = rest || c != '0'
		}
	}
	switch {
	case rest:
		return 0, CodeDecimals
	case len(s) > 3:
		return 0, CodeLiteral // 19.990: the value is right, the third decimal is none of cents
	}
	return cents, ""
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// Sum is how many amounts of one currency were added up, and to what.
type Sum struct {
	N     int64
	Cents Cents
}

// Money holds a sum per currency; currencies are never added to each other. A currency without amounts is not in it. It is
// never changed once made: counts share it.
type Money map[Currency]Sum

// plus returns the sum, and whether it fits.
func (m Money) plus(o Money) (Money, bool) {
	switch {
	case len(o) == 0:
		return m, true
	case len(m) == 0:
		return o, true
	}
	sum := maps.Clone(m)
	for c, s := range o {
		n, fitN := plus(m[c].N, s.N)
		cents, fitCents := plus(int64(m[c].Cents), int64(s.Cents))
		if !fitN || !fitCents {
			return m, false
		}
		if sum[c] = (Sum{n, Cents(cents)}); sum[c] == (Sum{}) {
			delete(sum, c)
		}
	}
	return sum, true
}

// String lists the sums by currency, for messages.
func (m Money) String() string {
	var parts []string
	for _, c := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, m[c].Cents.String()+" "+string(c))
	}
	return strings.Join(parts, ", ")
}

// plus adds two numbers and reports whether the sum fits.
func plus(a, b int64) (int64, bool) {
	s := a + b
	return s, (a < 0) != (b < 0) || (s < 0) == (a < 0)
}

// divideEven returns a/n rounded to the nearest whole, half to even. n is above 0.
func divideEven(a Cents, n int64) Cents {
	q, r := int64(a)/n, int64(a)%n
	minus := r < 0
	if minus {
		r = -r
	}
	// 2r against n, without doubling
	if r > n-r || r == n-r && q%2 != 0 {
		if minus {
			return Cents(q - 1)
		}
		return Cents(q + 1)
	}
	return Cents(q)
}

// SpreadShare returns the i-th of n parts of an amount, 0 ≤ i < n: the parts differ by a cent at most, their sum is the
// amount exactly, and the odd cents lie evenly among them (a largest remainder where all claims are equal). An n below 1
// or an i outside of 0 to n-1 gets 0.
func SpreadShare(total Cents, n, i int) Cents {
	if n < 1 || i < 0 || i >= n {
		return 0
	}
	q, r := int64(total)/int64(n), int64(total)%int64(n)
	return Cents(q + r*int64(i+1)/int64(n) - r*int64(i)/int64(n))
}
