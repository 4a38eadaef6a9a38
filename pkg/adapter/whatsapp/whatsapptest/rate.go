package whatsapptest

import "time"

// What Meta allows. Pages: throughput (80 messages a second, 20 for numbers that are used in the app too, in and out
// together); about-the-platform, "Pair rate limits" (one in 6 seconds to the same person, 45 in a burst).
const (
	perSecond   = 80
	coexistence = 20
	pairEvery   = 6 * time.Second
	pairBurst   = 45
)

// bucket is what one number may still send to one person, in the time that it takes to earn it.
type bucket struct {
	left time.Duration
	at   time.Time
}

// take counts a message against both limits or refuses it.
func (s *Server) take(n *Number, to *Person) *refusal {
	now := s.now()
	most := perSecond
	if n.Coexistence {
		most = coexistence
	}
	if len(s.recent(n.ID, now)) >= most {
		return refuse(130429, "Message failed to send because there were too many messages sent from this phone number in a short period of time")
	}
	if to != nil {
		b := s.pair(n.ID+"|"+to.User, now)
		if b.left < pairEvery {
			return refuse(131056, "Message failed to send because there were too many messages sent from this phone number to the same phone number in a short period of time.")
		}
		b.left -= pairEvery
	}
	s.pass(n.ID, now)
	return nil
}

// pair returns the bucket of a number and a person, filled up to now.
func (s *Server) pair(name string, now time.Time) *bucket {
	b := s.pairs[name]
	if b == nil {
		b = &bucket{left: pairBurst * pairEvery, at: now}
		s.pairs[name] = b
	}
	b.left = min(pairBurst*pairEvery, b.left+now.Sub(b.at))
	b.at = now
	return b
}

// recent are the messages of a number in the second that ends now, in and out.
func (s *Server) recent(number string, now time.Time) []time.Time {
	all := s.seconds[number]
	for len(all) > 0 && now.Sub(all[0]) >= time.Second {
		all = all[1:]
	}
	s.seconds[number] = all
	return all
}

// pass counts one more message of a number.
func (s *Server) pass(number string, now time.Time) {
	s.seconds[number] = append(s.recent(number, now), now)
}
