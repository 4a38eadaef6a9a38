package canon

import (
	"math/big"
	"strconv"
	"strings"
)

// Longest literal, largest exponent and most digits of a number. CRMs keep at most 16 digits before the point and 9 after.
const (
	maxLiteral  = 64
	maxExponent = 40
)

// Number returns a decimal with at most scale (0 or more) digits after the point, rounded half away from zero, without
// leading or trailing zeros and without a sign on zero. It takes an exponent (1.5E7), and no separator of thousands.
func Number(s string, scale int) (string, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxLiteral {
		return "", errNumber
	}
	minus := strings.HasPrefix(s, "-")
	if minus || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	mantissa, exponent, err := splitExponent(s)
	if err != nil {
		return "", err
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole+fraction == "" || !digits(whole) || !digits(fraction) {
		return "", errNumber
	}
	out := place(whole+fraction, len(whole)+exponent, scale)
	if minus && out != "0" {
		out = "-" + out
	}
	if len(out) > maxLiteral { // written out it is none that can be read again
		return "", errNumber
	}
	return out, nil
}

func splitExponent(s string) (mantissa string, exponent int, err error) {
	at := strings.IndexAny(s, "eE")
	if at < 0 {
		return s, 0, nil
	}
	exponent, err = strconv.Atoi(s[at+1:])
	if err != nil || exponent > maxExponent || exponent < -maxExponent {
		return "", 0, errNumber
	}
	return s[:at], exponent, nil
}

// place writes the decimal whose digits are d with the point before d[point]; point may lie outside of d.
func place(d string, point, scale int) string {
	if point < 0 {
		d, point = strings.Repeat("0", -point)+d, 0
	}
	if point > len(d) {
		d += strings.Repeat("0", point-len(d))
	}
	d = "0" + d // room for a carry, and for a number without a digit before the point
	point++
	if end := point + scale; end < len(d) {
		up := d[end] >= '5'
		d = d[:end]
		if up {
			d = increment(d)
		}
	}
	whole := strings.TrimLeft(d[:point], "0")
	fraction := strings.TrimRight(d[point:], "0")
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// increment adds one to the last digit; d begins with a 0, so the length stays.
func increment(d string) string {
	n, _ := new(big.Int).SetString(d, 10)
	out := n.Add(n, big.NewInt(1)).String()
	return strings.Repeat("0", len(d)-len(out)) + out
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
