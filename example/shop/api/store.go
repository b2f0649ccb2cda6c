package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// The states of an order.
const (
	stateNew   = "new"
	stateTaken = "taken" // a worker has it
	stateDone  = "done"
)

// order is one order. Its id is UIID-NUMBER, so that anybody can tell which replica keeps it.
type order struct {
	ID       string    `json:"id"`
	Item     string    `json:"item"`
	Quantity int       `json:"quantity"`
	State    string    `json:"state"`
	Worker   string    `json:"worker,omitempty"`
	Receipt  string    `json:"receipt,omitempty"`
	Changed  time.Time `json:"changed"`
}

// bucketName is where the orders stand in the file, by number.
const bucketName = "orders"

var (
	errNoOrder = errors.New("there is no such order")
	errNotHis  = errors.New("the order was not taken by this worker")
)

// jobLease is how long a worker may keep a job before another one gets it.
const jobLease = 30 * time.Second

// store keeps the orders of one replica in one file, which outlives the release that made it.
type store struct {
	db   *bbolt.DB
	uiid int
	now  func() time.Time
}

// openStore opens or makes the file. It waits two seconds for a predecessor to let go of it.
func openStore(file string, uiid int) (*store, error) {
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", file, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte(bucketName))
		return err
	})
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("preparing the database %s: %w", file, err)
	}
	return &store{db: db, uiid: uiid, now: time.Now}, nil
}

// Close lets go of the file.
func (s *store) Close() error { return s.db.Close() }

// Check says whether the database answers.
func (s *store) Check() error { return s.db.View(func(*bbolt.Tx) error { return nil }) }

// Add keeps a new order and gives it its id.
func (s *store) Add(item string, quantity int) (order, error) {
	var o order
	err := s.db.Update(func(tx *bbolt.Tx) error {
		n, err := tx.Bucket([]byte(bucketName)).NextSequence()
		if err != nil {
			return err
		}
		o = order{ID: fmt.Sprintf("%d-%d", s.uiid, n), Item: item, Quantity: quantity, State: stateNew, Changed: s.now().UTC()}
		return put(tx, n, o)
	})
	return o, err
}

// Get finds an order.
func (s *store) Get(id string) (order, error) {
	var o order
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		_, o, err = s.find(tx, id)
		return err
	})
	return o, err
}

// List gives all orders, oldest first.
func (s *store) List() ([]order, error) {
	orders := []order{}
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketName)).ForEach(func(_, text []byte) error {
			var o order
			if err := json.Unmarshal(text, &o); err != nil {
				return err
			}
			orders = append(orders, o)
			return nil
		})
	})
	return orders, err
}

// Take gives the oldest order that no worker has, and notes who has it now. There may be none.
func (s *store) Take(worker string) (o order, found bool, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket([]byte(bucketName)).Cursor()
		for key, text := cursor.First(); key != nil; key, text = cursor.Next() {
			o = order{}
			if err := json.Unmarshal(text, &o); err != nil {
				return err
			}
			lost := o.State == stateTaken && s.now().Sub(o.Changed) > jobLease
			if o.State == stateNew || lost {
				found = true
				o.State, o.Worker, o.Changed = stateTaken, worker, s.now().UTC()
				return put(tx, binary.BigEndian.Uint64(key), o)
			}
		}
		return nil
	})
	return o, found, err
}

// Finish notes that a worker did its job. Saying it twice is allowed.
func (s *store) Finish(id, worker, receipt string) (order, error) {
	var o order
	err := s.db.Update(func(tx *bbolt.Tx) error {
		n, found, err := s.find(tx, id)
		if err != nil {
			return err
		}
		if found.Worker != worker || found.State == stateNew {
			return errNotHis
		}
		o = found
		o.State, o.Receipt, o.Changed = stateDone, receipt, s.now().UTC()
		return put(tx, n, o)
	})
	return o, err
}

func (s *store) find(tx *bbolt.Tx, id string) (uint64, order, error) {
	uiid, number, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || uiid != strconv.Itoa(s.uiid) {
		return 0, order{}, errNoOrder
	}
	text := tx.Bucket([]byte(bucketName)).Get(keyOf(n))
	if text == nil {
		return 0, order{}, errNoOrder
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return 0, order{}, fmt.Errorf("order %s cannot be read: %w", id, err)
	}
	return n, o, nil
}

func put(tx *bbolt.Tx, n uint64, o order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketName)).Put(keyOf(n), text)
}

func keyOf(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
