package numbering

import "strings"

// cutAbroad cuts off what is dialled from the region before a country calling code. No such code begins with 0.
func (p *plan) cutAbroad(number string) (string, bool) {
	at := p.says().abroad().FindStringIndex(number)
	if at == nil || strings.HasPrefix(number[at[1]:], "0") {
		return "", false
	}
	return number[at[1]:], true
}

// cutCode cuts off the region's own country calling code, and the trunk prefix behind it, from a number that only so is one:
// as it stands it has too many digits, or the plan does not know it and knows the rest.
func (p *plan) cutCode(number string) (string, bool) {
	national, ok := strings.CutPrefix(number, p.code)
	if !ok {
		return "", false
	}
	national = p.cutTrunk(national)
	general := p.says().general()
	return national, p.exceeds(number) || !general.MatchString(number) && general.MatchString(national)
}

// cutTrunk cuts off what is dialled before a national number, or puts for it what the plan wants there, unless that makes of
// a number that fits the plan one that does not.
func (p *plan) cutTrunk(number string) string {
	r := p.says()
	if r.trunk == nil || number == "" {
		return number
	}
	groups := r.trunk().FindStringSubmatchIndex(number)
	if groups == nil {
		return number
	}
	rest := number[groups[1]:]
	if r.transform != "" && groups[len(groups)-2] >= 0 {
		rest = string(r.trunk().ExpandString(nil, r.transform, number, groups)) + rest
	}
	if general := r.general(); general.MatchString(number) && !general.MatchString(rest) {
		return number
	}
	return rest
}

// fits reports whether a whole number can have so many digits.
func (p *plan) fits(number string) bool { return p.says().all.has(len(number)) }

// exceeds reports whether every number has fewer digits.
func (p *plan) exceeds(number string) bool { return len(number) > p.says().all.most() }

// claims reports whether a number of a country calling code that regions share is the region's.
func (p *plan) claims(number string) bool {
	if leading := p.says().leading; leading != nil {
		return leading().MatchString(number)
	}
	return p.knows(number)
}

// knows reports whether the number is of a kind that the plan has.
func (p *plan) knows(number string) bool {
	r := p.says()
	return r.has(number) && (r.mobiles.has(number) || r.other(number))
}

// mobile reports whether the number is a mobile's, and of no other kind.
func (p *plan) mobile(number string) bool {
	r := p.says()
	return r.has(number) && r.mobiles.has(number) && !r.other(number)
}

func (r *rules) has(number string) bool {
	return r.all.has(len(number)) && r.general().MatchString(number)
}

func (r *rules) other(number string) bool {
	for _, k := range r.others {
		if k.has(number) {
			return true
		}
	}
	return false
}

func (k kind) has(number string) bool {
	return (k.lengths == 0 || k.lengths.has(len(number))) && k.numbers().MatchString(number)
}
