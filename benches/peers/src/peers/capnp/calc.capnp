@0xb3c1f7a5d2e94c61;

interface Calc {
  add @0 (a :Int64, b :Int64) -> (sum :Int64);
  echo @1 (data :Data) -> (data :Data);
  callbacks @2 (inFlight :UInt32, back :Back) -> (made :UInt64);
  bulk @3 (bytes :UInt64, to :Sink) -> ();
}

interface Back {
  call @0 (n :UInt64) -> (n :UInt64);
}

interface Sink {
  write @0 (piece :Data) -> stream;
  end @1 () -> ();
}
