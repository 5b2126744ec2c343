package flow

// UseQueue has a table use its queue however few flows there are.
func (t *Table) UseQueue() { t.queueFlows = 0 }
