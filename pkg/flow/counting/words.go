package counting

import "cmp"

// words is everything that alarms and reports say in one language. Names that callers and this API share (channels, types, instants)
// are told as they are.
type words struct {
	Subject, Notices     string // of a message about one notice, and about several
	Kinds                map[Kind]string
	Rules                map[Rule]string
	Outcomes             map[string]string
	Where, Client        string // in a line: the channel and the sender; the hash of a client
	Repeated             string // behind a count of repeats
	Last                 string // the last request of a client
	Repeats, Unseen      string // of a channel: duplicates and arrivals, in ten minutes and in an hour nobody looked at
	Conflicts            string
	Volume               string
	Ledger               string
	Title                string // of a report: day, outcome, windows, waiting
	NotAsked, Unanswered string // the CRM
	Channel              string
	Counted, Checked     string
	Doubled              string
	FirstOf              string
	Window               string
}

// named is a name in a language, itself where the language has no other.
func named[K ~string](names map[K]string, name K) string { return cmp.Or(names[name], string(name)) }

// wordsOf returns the words of a language, the Italian ones of any but "en".
func wordsOf(language string) words {
	if language == "en" {
		return english()
	}
	return italian()
}

func italian() words {
	return words{
		Subject: "Conversioni: %s", Notices: "Conversioni: %d avvisi",
		Where: ", canale %s%s, mittente %s: ", Client: ", cliente %s",
		Repeated:   " (contano anche quelli ripetuti dopo una nostra risposta 5xx)",
		Last:       "ultima richiesta %s",
		Repeats:    "%d duplicati su %d arrivi in 10 minuti",
		Unseen:     "%d duplicati su %d arrivi in un'ora in cui nessuno guardava",
		Conflicts:  "%d eventi con un id già usato per un altro evento",
		Volume:     "%d arrivi dalle %s, di solito %d",
		Ledger:     "la finestra delle %s non corrisponde agli eventi",
		Title:      "Rapporto del %s: %s\n%d finestre, %d eventi in coda\n",
		NotAsked:   "non interrogato",
		Unanswered: "non risponde",
		Channel:    "\n%s, mittente %s: %s\n",
		Counted:    "  registro %d, contatori %d, conversioni %d, CRM %s\n",
		Checked:    "  errori %d, in quarantena %d, marcatori %d di cui errati %d\n",
		Doubled:    "  %d eventi contati due volte:\n",
		FirstOf:    "  %d finestre diverse, le prime %d:\n",
		Window:     "  finestra %s, %s: registro %d, contatori %d\n",
	}
}

func english() words {
	return words{
		Subject: "Conversions: %s", Notices: "Conversions: %d notices",
		Kinds:    map[Kind]string{KindRaised: "alarm", KindRecovered: "recovered", KindReport: "report"},
		Rules:    map[Rule]string{RuleClient: "client_repeats", RuleChannel: "channel_repeats", RuleConflicts: "conflicts", RuleVolume: "volume", RuleLedger: "check"},
		Outcomes: map[string]string{"spiegato": "explained", "incompleto": "incomplete", "differenza": "difference"},
		Where:    ", channel %s%s, sender %s: ", Client: ", client %s",
		Repeated:   " (those repeated after a 5xx answer of ours count too)",
		Last:       "last request %s",
		Repeats:    "%d duplicates of %d arrivals in 10 minutes",
		Unseen:     "%d duplicates of %d arrivals in an hour in which nobody looked",
		Conflicts:  "%d events with an id that another event had before",
		Volume:     "%d arrivals from %s on, usually %d",
		Ledger:     "the window of %s does not agree with its events",
		Title:      "Report of %s: %s\n%d windows, %d events waiting\n",
		NotAsked:   "not asked",
		Unanswered: "does not answer",
		Channel:    "\n%s, sender %s: %s\n",
		Counted:    "  ledger %d, counters %d, conversions %d, CRM %s\n",
		Checked:    "  errors %d, in quarantine %d, markers %d of which wrong %d\n",
		Doubled:    "  %d events counted twice:\n",
		FirstOf:    "  %d windows differ, the first %d:\n",
		Window:     "  window %s, %s: ledger %d, counters %d\n",
	}
}
