package conversions

import (
	"cmp"
	"net/http"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/conversion/metric"
	"crm-connector/pkg/core/door"
)

// line is one row of metrics as it is published.
type line struct {
	Start       string                          `json:"inizio"`
	End         string                          `json:"fine"`
	State       string                          `json:"stato"`
	Version     int                             `json:"versione"`
	Channel     *conversion.Channel             `json:"canale"` // null: all of them
	Type        *conversion.Type                `json:"evento"`
	Campaign    string                          `json:"campagna,omitempty"`
	Received    *int64                          `json:"ricevuti"` // null with a reason, as the rates
	Unique      int64                           `json:"unici"`
	Completed   int64                           `json:"completati"`
	Failed      int64                           `json:"falliti"`
	Declared    int64                           `json:"dichiarati"`
	Duplicates  *int64                          `json:"duplicati"`
	Conflicts   *int64                          `json:"conflitti"`
	Quarantined int64                           `json:"in_quarantena"`
	Late        int64                           `json:"tardivi"`
	Conversions int64                           `json:"conversioni"`
	Value       map[conversion.Currency]string  `json:"valore_totale"`
	MeanValue   map[conversion.Currency]*string `json:"valore_medio"` // null with a reason, as the rates
	Completion  *float64                        `json:"tasso_completamento"`
	Conversion  *float64                        `json:"tasso_conversione"`
	Denominator string                          `json:"denominatore,omitempty"`
	Flow        bool                            `json:"flusso,omitempty"` // who converts may have come in earlier
	CPA         map[conversion.Currency]*string `json:"cpa"`
	Estimated   bool                            `json:"stimato,omitempty"`
	Reasons     map[string]conversion.Null      `json:"motivi,omitempty"`
	Freshness   *int64                          `json:"freschezza_s"`
}

// How long an answer may be kept: while anything in it may change, and when nothing will but by what comes late, costs among it.
const (
	cacheOpen  = "private, max-age=5"
	cacheFinal = "private, max-age=300"
)

// writeRows answers a query. It may be kept for long when every row is final, and by nobody but the caller.
func writeRows(a metric.Answer, q metric.Query) door.Answer {
	out := struct {
		Rows []line  `json:"righe"`
		Next *string `json:"next"`
	}{Rows: []line{}}
	final := len(a.Rows) > 0
	for _, r := range a.Rows {
		out.Rows = append(out.Rows, lineOf(r, q, a.Now))
		final = final && r.Final
	}
	if !a.Next.IsZero() {
		next := a.Next.Format(time.RFC3339)
		out.Next = &next
	}
	w := answer(http.StatusOK, out)
	if w.Header.Set("Cache-Control", cacheOpen); final {
		w.Header.Set("Cache-Control", cacheFinal)
	}
	return w
}

func lineOf(r metric.Row, q metric.Query, now time.Time) line {
	c, state := r.Totals.Counts, conversion.Open
	if r.Final {
		state = conversion.Final
	}
	l := line{
		Start: r.Start.Format(time.RFC3339), End: r.End.Format(time.RFC3339), State: state.String(), Version: r.Version,
		Campaign: q.Campaign, Unique: c.Unique(), Completed: c.Completed, Failed: c.Failed, Declared: c.Declared,
		Quarantined: c.Quarantined, Late: c.Late,
		Conversions: r.Totals.Conversions, Value: map[conversion.Currency]string{}, Denominator: r.Rates.Denominator,
		Estimated: r.Estimated, Reasons: map[string]conversion.Null{},
	}
	received := c.Received()
	l.Received, l.Duplicates, l.Conflicts = &received, &c.Duplicates, &c.Conflicts
	if q.Campaign != "" {
		l.Received, l.Duplicates, l.Conflicts = nil, nil, nil
		for _, name := range []string{"ricevuti", "duplicati", "conflitti"} {
			l.Reasons[name] = conversion.NotByCampaign
		}
	}
	if q.Channel != "" {
		l.Channel = &q.Channel
	}
	if q.Type != "" {
		l.Type = &q.Type
	}
	for currency, s := range r.Totals.Value {
		l.Value[currency] = s.Cents.String()
	}
	l.MeanValue = l.amounts("valore_medio", r.Rates.MeanValue, q)
	l.CPA = l.amounts("cpa", r.Rates.CPA, q)
	l.Completion = l.rate("tasso_completamento", r.Rates.Completion)
	l.Conversion = l.rate("tasso_conversione", r.Rates.Conversion)
	l.Flow = l.Conversion != nil && q.Step != conversion.ByDay
	if !c.Newest.IsZero() {
		age := max(0, int64(now.Sub(c.Newest)/time.Second)) // the clocks of two machines differ
		l.Freshness = &age
	}
	return l
}

// amounts writes an amount per currency; one that there is none of is null in the currency that was asked for, else in euros.
func (l *line) amounts(name string, a conversion.Amounts, q metric.Query) map[conversion.Currency]*string {
	out := map[conversion.Currency]*string{}
	if a.Null != "" {
		l.Reasons[name] = a.Null
		out[cmp.Or(q.Currency, conversion.EUR)] = nil
		return out
	}
	for currency, cents := range a.Of {
		text := cents.String()
		out[currency] = &text
	}
	return out
}

func (l *line) rate(name string, r conversion.Rate) *float64 {
	if r.Null != "" {
		l.Reasons[name] = r.Null
		return nil
	}
	return &r.Value
}
