package hub

// Reserve takes a seat for a connection that is about to be opened, so that the
// limits hold however many handshakes run at once. The caller ends it with
// Release, or hands it to Join.
func (h *Hub) Reserve(userID string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.hasSeat(userID); err != nil {
		return err
	}
	h.open.Add(1)
	h.taken++
	h.seats[userID]++
	return nil
}

// HasSeat returns the error that Reserve would return, and takes nothing.
func (h *Hub) HasSeat(userID string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hasSeat(userID)
}

func (h *Hub) hasSeat(userID string) error {
	switch {
	case h.shutDown:
		return ErrShutDown
	case h.taken >= h.options.Connections:
		return ErrFull
	case h.seats[userID] >= h.options.ConnectionsPerUser:
		return ErrUserFull
	default:
		return nil
	}
}

// Release gives back a seat that Reserve took.
func (h *Hub) Release(userID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.release(userID)
}

func (h *Hub) release(userID string) {
	h.taken--
	if h.seats[userID]--; h.seats[userID] == 0 {
		delete(h.seats, userID)
	}
	h.open.Done()
}
