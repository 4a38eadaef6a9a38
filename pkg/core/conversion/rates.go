package conversion

import "slices"

// Null says why a rate has no value (motivi on the wire). "" says that it has one.
type Null string

// The reasons for a rate without a value.
const (
	NoConversions Null = "nessuna_conversione"   // nothing to divide by
	NoOutcomes    Null = "nessun_esito"          // neither completed nor failed
	NoEntries     Null = "denominatore_mancante" // nobody said how many came in
	NoValue       Null = "nessun_valore"         // the conversions' values are weights and no money
	NoCosts       Null = "nessun_costo"          // no cost was told
	PartOfCosts   Null = "costi_incompleti"      // none was told of a channel, or a day, that has conversions
	NotByCampaign Null = "non_per_campagna"      // of a single campaign nobody knows it
)

// Rate is a number, or the reason why there is none. It is never NaN or infinite.
type Rate struct {
	Value float64
	Null  Null
}

// Entries is how many people came in during the same time: what conversions are a part of. Entries are added field by field.
type Entries struct {
	Contacts      int64 // created in the CRM (contatti_creati)
	Conversations int64 // begun on WhatsApp (conversazioni)
	Visits        int64 // told by a caller (visite)
}

// Plus returns the sum.
func (e Entries) Plus(o Entries) Entries {
	return Entries{e.Contacts + o.Contacts, e.Conversations + o.Conversations, e.Visits + o.Visits}
}

// Denominator returns what a conversion rate is divided by, and its name: visits when somebody told any, else what the
// connector itself saw. 0 has no name.
func (e Entries) Denominator() (n int64, name string) {
	if e.Visits > 0 {
		return e.Visits, "visite"
	}
	if n = e.Contacts + e.Conversations; n > 0 {
		return n, "contatti_creati+conversazioni"
	}
	return 0, ""
}

// Cohort is one channel's conversions, who came in by it, and whether it is known what they cost.
type Cohort struct {
	Conversions int64
	Entries     Entries
	Uncosted    bool // some of the conversions are of a day whose costs nobody told
}

// Together returns what the conversions of several channels are a part of: the visits of all if each channel with conversions has
// some, else what the connector itself saw if each has that, else nothing. A channel that nobody told the entries of would make the
// rate of all of them a guess.
func Together(channels ...Cohort) (sum Entries) {
	visits, seen := true, true
	for _, c := range channels {
		if sum = sum.Plus(c.Entries); c.Conversions > 0 {
			visits = visits && c.Entries.Visits > 0
			seen = seen && c.Entries.Contacts+c.Entries.Conversations > 0
		}
	}
	if !visits {
		sum.Visits = 0
	}
	if !seen {
		sum.Contacts, sum.Conversations = 0, 0
	}
	return sum
}

// Costed reports whether it is known what each channel's conversions cost. If not, the cost of a conversion of all of them together
// would be a guess: PartOfCosts.
func Costed(channels ...Cohort) bool {
	return !slices.ContainsFunc(channels, func(c Cohort) bool { return c.Uncosted })
}

// Costs is what a channel cost, per currency. No row of costs is an empty or nil Costs; a cost of 0 is a cost.
type Costs map[Currency]Cents

// Share returns the part of a day's costs that falls to the i-th of the day's n windows; the parts add up exactly.
func (c Costs) Share(n, i int) Costs {
	out := make(Costs, len(c))
	for currency, total := range c {
		out[currency] = SpreadShare(total, n, i)
	}
	return out
}

// Plus returns the sum, currency by currency.
func (c Costs) Plus(o Costs) (Costs, error) {
	out := make(Costs, len(c)+len(o))
	for currency, cents := range c {
		out[currency] = cents
	}
	for currency, cents := range o {
		sum, fit := plus(int64(out[currency]), int64(cents))
		if !fit {
			return nil, ErrOverflow
		}
		out[currency] = Cents(sum)
	}
	return out, nil
}

// Amounts is an amount per currency, or the reason why there is none; then Of is empty.
type Amounts struct {
	Of   map[Currency]Cents
	Null Null
}

// Rates is what follows from totals, entries and costs of the same time and channels.
type Rates struct {
	Completion  Rate   // completed of those that completed or failed, 0 to 1 (tasso_completamento)
	Conversion  Rate   // conversions per entry (tasso_conversione); above 1 when those who came in earlier convert now
	Denominator string // what Conversion is divided by, "" when it has no value
	// MeanValue is the value of a conversion per currency: its cents by the number of conversions in it (valore_medio),
	// rounded half to even.
	MeanValue Amounts
	// CPA is the cost of a conversion per currency of the costs, whatever the conversions' own currency, rounded half to
	// even.
	CPA Amounts
}

// RatesOf returns the rates. What cannot be said is null with its reason, never 0.
func RatesOf(t Totals, in Entries, costs Costs) Rates {
	r := Rates{
		Completion: ratio(t.Conversions, t.Conversions+t.Counts.Failed, NoOutcomes),
		MeanValue:  meanValue(t),
		CPA:        perConversion(costs, t.Conversions),
	}
	n, name := in.Denominator()
	r.Conversion, r.Denominator = ratio(t.Conversions, n, NoEntries), name
	return r
}

func ratio(n, of int64, null Null) Rate {
	if of <= 0 {
		return Rate{Null: null}
	}
	return Rate{Value: float64(n) / float64(of)}
}

func meanValue(t Totals) Amounts {
	out := Amounts{Of: map[Currency]Cents{}}
	for currency, s := range t.Value {
		if s.N > 0 {
			out.Of[currency] = divideEven(s.Cents, s.N)
		}
	}
	switch {
	case len(out.Of) > 0:
		return out
	case t.Conversions > 0:
		return Amounts{Null: NoValue}
	}
	return Amounts{Null: NoConversions}
}

func perConversion(costs Costs, conversions int64) Amounts {
	switch {
	case len(costs) == 0:
		return Amounts{Null: NoCosts}
	case conversions <= 0:
		return Amounts{Null: NoConversions}
	}
	out := Amounts{Of: make(map[Currency]Cents, len(costs))}
	for currency, cents := range costs {
		out.Of[currency] = divideEven(cents, conversions)
	}
	return out
}
