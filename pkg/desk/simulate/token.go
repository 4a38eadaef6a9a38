package simulate

import "time"

func (p person) killTokens() {
	p.s.w.Zoho.KillTokens()
	p.s.kills = append(p.s.kills, p.s.now())
	p.say(nil, "zoho forgets every access token")
}

// oneToken is how long a new token serves everybody: no schedule replaces it sooner.
const oneToken = 9 * time.Minute

// herd: one refresh for all after every death of a token, however many of us found it dead.
func (v verdict) herd() {
	for i, killed := range v.kills {
		until := killed.Add(oneToken)
		if i+1 < len(v.kills) && v.kills[i+1].Before(until) {
			until = v.kills[i+1]
		}
		n := 0
		for _, at := range v.grants {
			if !at.Before(killed) && at.Before(until) {
				n++
			}
		}
		if n > 1 {
			v.violate("herd", "the token died at %s, and %d new ones were fetched until %s", since(killed), n, since(until))
		}
	}
}
