package conversion

import "fmt"

// Reason is the class of a refusal.
type Reason uint8

// The reasons for which a body is not an event.
const (
	// Invalid is JSON that is not an event as the schema and Codes ask for. Answered 422 (RFC 9110 §15.5.21).
	Invalid Reason = iota + 1
	// Malformed is no JSON text at all (RFC 8259). Answered 400.
	Malformed
	// TooLarge is a body of more than MaxBody bytes; it was not looked at. Answered 413.
	TooLarge
)

// Code says which rule a value breaks (codice on the wire). The list is closed.
type Code string

// The codes of problems.
const (
	CodeRequired Code = "obbligatorio"
	CodeUnknown  Code = "proprieta_sconosciuta"
	CodeType     Code = "tipo"
	CodeEnum     Code = "valore_non_ammesso"
	CodeFormat   Code = "formato"
	CodeLength   Code = "lunghezza"
	CodeMinimum  Code = "minimo"
	CodeMaximum  Code = "massimo"
	CodeDecimals Code = "decimali"

	CodeLiteral   Code = "numero_non_ammesso"
	CodeDuplicate Code = "chiave_doppia"
	CodeDepth     Code = "profondita"
	CodeUnicode   Code = "unicode"
	CodeFuture    Code = "nel_futuro"
	CodePast      Code = "troppo_vecchio"
	CodeOtherKey  Code = "chiave_diversa"

	CodeSyntax Code = "json"
	CodeUTF8   Code = "utf8"
	CodeSize   Code = "dimensione"
)

// Rule is what a code stands for.
type Rule struct {
	Code   Code
	Reason Reason
	Beyond bool   // the published schema cannot say it: Decode refuses what a validator of the schema accepts
	Text   string // the rule, for documentation
}

// Codes returns the rules behind the codes. Those with Beyond are all the differences between Decode and a validator of
// the schema with formats asserted; a test holds the two together.
func Codes() []Rule {
	return []Rule{
		{CodeRequired, Invalid, false, "a required property is missing"},
		{CodeUnknown, Invalid, false, "a property that the schema does not have; names are compared with their case"},
		{CodeType, Invalid, false, "a value of another JSON type"},
		{CodeEnum, Invalid, false, "a value that is not in the list"},
		{CodeFormat, Invalid, false, "a text that does not match the whole pattern, or a date that does not exist"},
		{CodeLength, Invalid, false, "more than 200 characters (Unicode code points)"},
		{CodeMinimum, Invalid, false, "less than 0"},
		{CodeMaximum, Invalid, false, "more than 999999999.99"},
		{CodeDecimals, Invalid, false, "a fraction of a cent"},
		{CodeLiteral, Invalid, true, "a number with an exponent, with more than 24 characters or with more than two decimals written out, zeros too"},
		{CodeDuplicate, Invalid, true, "an object with a key twice, or in two spellings that differ by case only"},
		{CodeDepth, Invalid, true, "more than 4 levels of nesting"},
		{CodeUnicode, Invalid, true, "half of a surrogate pair, which is no character"},
		{CodeFuture, Invalid, true, "a timestamp more than 5 minutes ahead"},
		{CodePast, Invalid, true, "a timestamp more than 7 days ago, or before 2000-01-01"},
		{CodeOtherKey, Invalid, true, "an Idempotency-Key that differs from id_evento"},
		{CodeSyntax, Malformed, false, "not one JSON text"},
		{CodeUTF8, Malformed, true, "not UTF-8"},
		{CodeSize, TooLarge, true, "a body of more than 64 kB"},
	}
}

// Problem is one fault of a body: where (percorso: a JSON Pointer, RFC 6901, "" for the whole body) and what. It repeats no
// value, and the name of an unknown property only if that is a short identifier; else the path is its object's.
type Problem struct {
	Path string
	Code Code
}

// Refusal is the error of a body that is not an event. Problems holds every fault in the order of the body, missing
// properties last, at most MaxProblems; what is found before the values are looked at (nesting, a key twice, no JSON, size)
// stands alone.
type Refusal struct {
	Reason   Reason
	Problems []Problem
}

// MaxProblems is how many problems of one body are told.
const MaxProblems = 32

// Error names the first problem and counts the others, without any value.
func (r *Refusal) Error() string {
	p := r.Problems[0]
	s := fmt.Sprintf("not a conversion event: %s at %q", p.Code, p.Path)
	if n := len(r.Problems) - 1; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

func refuse(why Reason, problems ...Problem) *Refusal {
	return &Refusal{Reason: why, Problems: problems}
}
