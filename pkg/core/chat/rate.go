package chat

import "time"

// Window is how long after a person's last message he may be written to in free words; after that only with a template.
// Page: messages/send-messages, "Customer service windows". A call opens it too, of which we are not told.
const Window = 24 * time.Hour

// WindowOpen reports whether free words may be sent at now to somebody who wrote last at lastInbound; the zero time says
// that he never did. The window is closed from its 24th hour on.
func WindowOpen(lastInbound, now time.Time) bool {
	return !lastInbound.IsZero() && now.Before(lastInbound.Add(Window))
}

// Rate is how fast messages may follow each other: one every Every, and up to Burst at once by those who waited before.
type Rate struct {
	Every time.Duration
	Burst int
}

// The rates that Meta allows. Pages: about-the-platform, "Pair rate limits"; throughput.
var (
	// PairRate is what one number may send to one person: one message in 6 s, 45 at once and then as long a silence as they
	// would have taken.
	PairRate = Rate{Every: 6 * time.Second, Burst: 45}
	// NumberRate keeps one number to 80 messages in any second, in and out together: 72 a second and 8 at once.
	NumberRate = Rate{Every: time.Second / 72, Burst: 8}
	// CoexistenceRate keeps a number that is also used in the WhatsApp Business app to 20 messages in any second.
	CoexistenceRate = Rate{Every: time.Second / 18, Burst: 2}
)

// Take asks to send n messages at now. Full is what Take returned the last time, the zero time at first: the instant at which
// nothing of the allowance is used any more, and all that there is to store. Granted, it returns the next Full and no wait;
// else Full as it was and how long to wait. More than Burst at once are never granted: then wait is -1.
func (r Rate) Take(full, now time.Time, n int) (next time.Time, wait time.Duration) {
	if n > r.Burst {
		return full, -1
	}
	if full.Before(now) {
		full = now
	}
	next = full.Add(time.Duration(n) * r.Every)
	if over := next.Sub(now) - time.Duration(r.Burst)*r.Every; over > 0 {
		return full, over
	}
	return next, 0
}

// Lane returns the rate of each of Burst lanes in which a rate is kept where many take from it at once: one message at a time, so many times
// as slow. All lanes together grant what the rate does, and never more.
func (r Rate) Lane() Rate { return Rate{Every: r.Every * time.Duration(r.Burst), Burst: 1} }

// maxPairBackoff is the longest wait of PairBackoff.
const maxPairBackoff = 15 * time.Minute

// PairBackoff returns how long to wait after the n-th refusal in a row for the pair rate (131056): 4 to the power of n
// seconds, n from 0, at most 15 minutes. Page: about-the-platform, "Pair rate limits".
func PairBackoff(n int) time.Duration {
	wait := time.Second
	for ; n > 0 && wait < maxPairBackoff; n-- {
		wait *= 4
	}
	return min(wait, maxPairBackoff)
}
